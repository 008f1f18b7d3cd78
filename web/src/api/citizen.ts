/** What citizens share: what is known already, following it, the public map. */
import { http } from './client'
import type { components } from './openapi'
import type { NearPoint, Page } from './types'

export type SimilarReport = components['schemas']['SimilarReport']
export type FollowReceipt = components['schemas']['FollowReceipt']

export const citizen = {
  similar: (lon: number, lat: number, text: string) => http.get<Page<SimilarReport>>('/reports/similar', { lon, lat, text }),
  follow: (number: string) => http.post<FollowReceipt>(`/reports/${encodeURIComponent(number)}/follow`),
  map: () => http.get<Page<NearPoint>>('/reports/map'),
}
