/** Every call of the console, by name. */
import type { FeatureCollection, Geometry, Point } from 'geojson'
import { http, upload, type Query } from './client'
import type * as t from './types'

export const api = {
  meta: () => http.get<t.Meta>('/meta'),
  demoAccounts: () => http.get<t.Page<t.DemoAccount>>('/demo/accounts'),
  signIn: (account: string, password: string) => http.post<t.Session>('/session', { account, password }),
  session: () => http.get<t.Session>('/session'),
  signOut: () => http.delete('/session'),

  accounts: (query: Query = {}) => http.get<t.Page<t.AccountRow>>('/accounts', query),
  audit: (query: Query) => http.get<t.Page<t.AuditEntry>>('/audit', query),
  tokens: () => http.get<t.Page<t.Token>>('/tokens'),
  createToken: (name: string, expires_in_days: number) => http.post<t.TokenMade>('/tokens', { name, expires_in_days }),
  deleteToken: (id: string) => http.delete(`/tokens/${id}`),
  deadLetters: (query: Query) => http.get<t.Page<t.DeadLetter>>('/dead-letters', query),
  replayDeadLetter: (id: string) => http.post<unknown>(`/dead-letters/${id}/replay`),

  areas: (level: 'district' | 'street') => http.get<t.Page<t.Area>>('/areas', { level }),
  shapes: (level: 'district' | 'street') =>
    http.get<FeatureCollection<Geometry, { code: string; name_zh: string; name_en: string }>>('/areas/shapes', {
      level,
    }),
  resolve: (lon: number, lat: number) => http.get<t.ResolvedPlace>('/areas/resolve', { lon, lat }),
  departments: () => http.get<t.Page<t.Department>>('/departments'),
  categories: () => http.get<t.Page<t.Category>>('/categories'),

  products: () => http.get<t.Page<t.Product>>('/products'),
  devices: (query: Query) => http.get<t.Page<t.Device>>('/devices', query),
  device: (device: string) => http.get<t.Device>(`/devices/${encodeURIComponent(device)}`),
  readings: (device: string, query: Query) =>
    http.get<t.Readings>(`/devices/${encodeURIComponent(device)}/readings`, query),
  alarms: (query: Query) => http.get<t.Page<t.Alarm>>('/alarms', query),
  acknowledge: (id: string) => http.post<t.Alarm>(`/alarms/${id}/acknowledge`),
  layers: () => http.get<t.Page<t.Layer>>('/layers'),
  layer: (scene: string, layer: string) =>
    http.get<FeatureCollection<Point, t.LayerPoint>>(`/layers/${scene}/${layer}`),
  entity: (id: string) => http.get<t.Entity>(`/entities/${encodeURIComponent(id)}`),

  cases: (query: Query) => http.get<t.Page<t.CaseRow>>('/cases', query),
  case: (id: string) => http.get<t.CaseDetail>(`/cases/${id}`),
  timeline: (id: string) => http.get<t.Page<t.TimelineItem>>(`/cases/${id}/timeline`),
  flow: (id: string) => http.get<t.Flow>(`/cases/${id}/flow`),
  act: (id: string, action: string, input: t.ActionInput) =>
    http.post<t.CaseDetail | t.CaseReceipt>(`/cases/${id}/actions/${action}`, input),
  openCase: (input: t.CaseInput, key: string) =>
    http.post<t.CaseDetail | t.CaseReceipt>('/cases', input, { 'Idempotency-Key': key }),
  casesMap: (query: Query) => http.get<FeatureCollection<Point, t.CasePoint>>('/cases/map', query),
  overview: () => http.get<t.Overview>('/overview'),

  report: (input: t.ReportInput, key: string) =>
    http.post<t.ReportReceipt>('/reports', input, { 'Idempotency-Key': key }),
  ownReports: () => http.get<t.Page<t.CaseRow>>('/reports'),
  track: (code: string) => http.get<t.Report>(`/reports/${encodeURIComponent(code)}`),
  rate: (code: string, score: number, comment: string) =>
    http.post<t.Report>(`/reports/${encodeURIComponent(code)}/rating`, { score, comment: comment || undefined }),
  near: (lon: number, lat: number) => http.get<t.Page<t.NearPoint>>('/reports/near', { lon, lat }),
  uploadPhoto: (file: Blob, name: string, progress: (share: number) => void) =>
    upload<t.Photo>('/photos', file, name, progress),
}
