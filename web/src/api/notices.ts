/** What concerns the reader: the inbox of notices and how they want to be told. */
import { http, type Query } from './client'
import type { components } from './openapi'

type Schemas = components['schemas']
export type Notice = Schemas['NotificationOut']
export type Inbox = Schemas['InboxOut']
export type Preferences = Schemas['PreferencesOut']
export type PreferencesInput = Schemas['PreferencesBody']
export type Channel = PreferencesInput['channels'] extends Record<string, (infer C)[]> | undefined ? C : never

export const notices = {
  inbox: (query: Query) => http.get<Inbox>('/notifications', query),
  read: (ids: string[] | null) => http.post<{ unread: number }>('/notifications/read', { ids }),
  preferences: () => http.get<Preferences>('/notifications/preferences'),
  prefer: (input: PreferencesInput) => http.put<Preferences>('/notifications/preferences', input),
}
