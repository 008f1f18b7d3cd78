/** The desk's queue, the inbox and the wall. */
import { http, type Query } from './client'
import type { CaseDetail, CaseReceipt } from './types'
import type { components } from './openapi'
import type { Page } from './types'

type Schemas = components['schemas']
export type QueueItem = Schemas['QueueItem']
export type DispatchOption = Schemas['DispatchOption']
export type RunningCounts = Schemas['RunningCounts']
export type Wall = Schemas['Wall']
export type DepartmentLoad = Schemas['DepartmentLoad']
export type StepAges = Schemas['StepAges']
export type Band = Schemas['Band']
export type CaseLinks = Schemas['CaseLinks']
export type CaseLink = Schemas['CaseLink']
export type RequestShown = Schemas['RequestShown']
export type WaitingRequest = Schemas['WaitingRequest']
export type WaitingPart = Schemas['WaitingPart']
export type FlowStay = Schemas['FlowStay']

export const casework = {
  links: (id: string) => http.get<CaseLinks>(`/cases/${id}/links`),
  decideLink: (id: string, other: string, state: 'confirmed' | 'dismissed') => http.post<CaseLinks>(`/cases/${id}/links/${other}`, { state }),
  merge: (id: string, into: string) => http.post<CaseLinks>(`/cases/${id}/merge`, { into }),
  requests: () => http.get<Page<WaitingRequest>>('/requests'),
  decideRequest: (id: string, granted: boolean, comment: string) => http.post<CaseDetail | CaseReceipt>(`/requests/${id}/decision`, { granted, comment }),
  withdrawRequest: (id: string) => http.post<CaseDetail | CaseReceipt>(`/requests/${id}/withdrawal`),
  parts: () => http.get<Page<WaitingPart>>('/cases/parts'),
  queue: (query: Query) => http.get<Page<QueueItem>>('/cases/queue', query),
  counts: () => http.get<RunningCounts>('/cases/counts'),
  wall: () => http.get<Wall>('/cases/wall'),
}
