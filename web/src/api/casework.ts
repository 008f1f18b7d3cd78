/** The desk's queue, the inbox and the wall. */
import { http, type Query } from './client'
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

export const casework = {
  queue: (query: Query) => http.get<Page<QueueItem>>('/cases/queue', query),
  counts: () => http.get<RunningCounts>('/cases/counts'),
  wall: () => http.get<Wall>('/cases/wall'),
}
