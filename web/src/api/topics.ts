/** Calls about what many cases have in common. */
import { http } from './client'
import type { components } from './openapi'
import type { Page } from './types'

type Schemas = components['schemas']
export type HotTopic = Schemas['HotTopic']
export type TopicDetail = Schemas['TopicDetail']
export type GroupWarning = Schemas['GroupWarning']
export type RecurringPlace = Schemas['RecurringPlace']

export const topicsApi = {
  hottest: (limit: number) => http.get<Page<HotTopic>>('/topics', { limit }),
  topic: (id: string) => http.get<TopicDetail>(`/topics/${id}`),
  warnings: () => http.get<Page<GroupWarning>>('/group-warnings'),
  acknowledge: (id: string, comment: string | null) => http.post<GroupWarning>(`/group-warnings/${id}/acknowledge`, { comment }),
  places: (limit: number) => http.get<Page<RecurringPlace>>('/recurring-places', { limit }),
}
