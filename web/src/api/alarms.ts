/** The doors of alarms. */
import { http, type Query } from './client'
import type { components } from './openapi'
import type { Alarm, AlarmState, Page, Severity } from './types'

type Schemas = components['schemas']
export type AlarmEntry = Schemas['AlarmDetailOut']['timeline'][number]
export type AlarmDetail = Omit<Schemas['AlarmDetailOut'], 'severity' | 'state' | 'beneath'> & {
  severity: Severity
  state: AlarmState
  beneath: Alarm[]
}
/** `total` of the filter; `by_state` of the filter without its state. */
export interface AlarmPage extends Page<Alarm> {
  by_state: Partial<Record<AlarmState, number>>
  by_severity: Partial<Record<Severity, number>>
}
/** Several series on one axis of time. */
export interface History {
  time: string[]
  series: { name: string; device: string; metric: string; values: (number | null)[] }[]
}

const act = (id: string, action: string, body?: unknown): Promise<Alarm> =>
  http.post<Alarm>(`/alarms/${id}/${action}`, body)

export const alarmsApi = {
  list: (query: Query) => http.get<AlarmPage>('/alarms', query),
  get: (id: string) => http.get<AlarmDetail>(`/alarms/${id}`),
  acknowledge: (id: string, comment?: string) => act(id, 'acknowledge', { comment: comment || null }),
  suppress: (id: string, until: string, reason: string) => act(id, 'suppress', { until, reason }),
  unsuppress: (id: string) => act(id, 'unsuppress', {}),
  assign: (id: string, to: { account?: string; department?: string; comment?: string }) => act(id, 'assign', to),
  comment: (id: string, comment: string) => act(id, 'comments', { comment }),
  close: (id: string, comment: string) => act(id, 'close', { comment }),
  /** One series over a span, thinned to what a chart can show. */
  history: (device: string, metric: string, from: string, to: string, points: number) =>
    http.get<History>('/history', { series: `${device}:${metric}`, from, to, points, format: 'json' }),
}
