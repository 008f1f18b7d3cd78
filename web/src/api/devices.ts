/** Calls about one device and about sharing, with the types of what they say. */
import { http, type Query } from './client'
import type { components } from './openapi'
import type { Alarm, Page, Text } from './types'

type Schemas = components['schemas']

export type Command = Schemas['Command']
export type Parameter = Schemas['Parameter']
export type Order = Schemas['CommandOut']
export type DeviceState = Schemas['StateOut']
export type Use = Schemas['UseOut']
export type Credential = Schemas['CredentialOut']
export type Issued = Schemas['IssuedOut']
export type Forecast = Schemas['ForecastOut']
export type Rule = Schemas['RuleOut']
export type RuleDetail = Schemas['RuleDetailOut']
export type DeviceChange = Schemas['DeviceChange']

export type CatalogueDevice = Schemas['CatalogueDeviceOut']
export type Share = Schemas['ShareOut']
export type ShareState = Share['state']
export type ShareDraft = Schemas['ShareIn']
export type Subscription = Schemas['SubscriptionOut']
export type SubscriptionMade = Schemas['SubscriptionMadeOut']
export type SubscriptionDraft = Schemas['SubscriptionIn']
export type TestOutcome = Schemas['TestOut']

/** `GET /history` in JSON: one axis of time, null where a series has nothing. */
export interface HistorySeries {
  name: string
  device: string
  metric: string
  aggregate: string | null
  unit_label: Text | null
  values: (number | string | null)[]
}
export interface History {
  from: string
  to: string
  time: string[]
  series: HistorySeries[]
}

const of = (device: string, rest: string): string => `/devices/${encodeURIComponent(device)}${rest}`

export const devices = {
  change: (device: string, change: Partial<DeviceChange>) => http.patch<null>(of(device, ''), change),
  history: (query: Query) => http.get<History>('/history', query),
  forecast: (device: string, metric: string, hours: number) =>
    http.get<Forecast>('/forecast', { device, metric, hours }),
  rules: (product: string) => http.get<Page<Rule>>('/rules', { product, limit: 200 }),
  rule: (scene: string, rule: string) => http.get<RuleDetail>(`/rules/${encodeURIComponent(scene)}/${encodeURIComponent(rule)}`),
  alarms: (device: string, since: string | null, limit: number) =>
    http.get<Page<Alarm>>('/alarms', { device, since, limit }),
  uses: (device: string) => http.get<Page<Use>>(of(device, '/uses')),

  state: (device: string) => http.get<DeviceState>(of(device, '/state')),
  orders: (device: string, query: Query = {}) => http.get<Page<Order>>(of(device, '/commands'), query),
  order: (device: string, command: string, parameters: Record<string, unknown>, key: string) =>
    http.post<Order>(of(device, '/commands'), { command, parameters }, { 'Idempotency-Key': key }),
  waiting: () => http.get<Page<Order>>('/commands/waiting'),
  approve: (order: string) => http.post<Order>(`/commands/${order}/approve`),
  cancel: (order: string) => http.post<Order>(`/commands/${order}/cancel`),

  credentials: (device: string) => http.get<Page<Credential>>(of(device, '/credentials')),
  issue: (device: string, wanted: Schemas['CredentialIn']) => http.post<Issued>(of(device, '/credentials'), wanted),
  revoke: (device: string, credential: string) => http.delete(of(device, `/credentials/${credential}`)),
}

export const sharing = {
  catalogue: (query: Query) => http.get<Page<CatalogueDevice>>('/catalogue/devices', query),
  shares: (query: Query) => http.get<Page<Share>>('/shares', query),
  ask: (draft: Partial<ShareDraft>) => http.post<Share>('/shares', draft),
  decide: (share: string, how: 'grant' | 'refuse' | 'revoke', said: { reason?: string; until?: string }) =>
    http.post<Share>(`/shares/${share}/${how}`, said),
  withdraw: (share: string) => http.post<Share>(`/shares/${share}/withdraw`),
  subscriptions: (query: Query) => http.get<Page<Subscription>>('/subscriptions', query),
  subscribe: (draft: Partial<SubscriptionDraft>) => http.post<SubscriptionMade>('/subscriptions', draft),
  end: (subscription: string) => http.delete(`/subscriptions/${subscription}`),
  resume: (subscription: string) => http.post<Subscription>(`/subscriptions/${subscription}/resume`),
  secret: (subscription: string) => http.post<{ secret: string }>(`/subscriptions/${subscription}/secret`),
  test: (subscription: string) => http.post<TestOutcome>(`/subscriptions/${subscription}/test`),
}
