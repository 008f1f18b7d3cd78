/** Calls about the sensing net as a whole, and the names of what they answer. */
import { http } from './client'
import type { components } from './openapi'
import type { Page, Words } from './types'

type Schemas = components['schemas']
export type NetOverview = Schemas['NetOverviewOut']
export type NetPart = Schemas['PartOut']
export type NetTrend = Schemas['NetTrendOut']
export type Cells = Schemas['CellsOut']
export type LiveDevice = Schemas['LiveDeviceOut']
export type LiveDevices = Schemas['LiveDevicesOut']
export type EdgeSite = Schemas['EdgeSiteOut']
export type QuarantineEntry = Schemas['QuarantineEntryOut']
export type QuarantineList = Schemas['QuarantineOut']
export type Stranger = Schemas['StrangerIn']
export type HeldState = QuarantineEntry['state']
export type HeldReason = QuarantineEntry['reason']
export type Box = [west: number, south: number, east: number, north: number]

/** What the map of the net is coloured by, and which devices it shows. */
export interface CellsAsked {
  metric?: string | null
  product?: string | null
  resolution: number
  bbox?: Box
}
const boxed = (box: Box | undefined): string | undefined => box?.map((degrees) => degrees.toFixed(5)).join(',')

export const netApi = {
  overview: () => http.get<NetOverview>('/net/overview'),
  trend: (hours: number) => http.get<NetTrend>('/net/trend', { hours }),
  edges: () => http.get<{ items: EdgeSite[]; versions: string[] }>('/edges'),
  cells: (asked: CellsAsked) => http.get<Cells>('/live/cells', { ...asked, bbox: boxed(asked.bbox), boundary: true }),
  box: (bbox: Box, product?: string | null) => http.get<LiveDevices>('/live/box', { bbox: boxed(bbox), product }),
  values: (device: string) => http.get<LiveDevices>('/live/values', { device }),
  quarantine: (query: Record<string, string | number | null | undefined>) =>
    http.get<Page<QuarantineEntry> & Pick<QuarantineList, 'totals'>>('/quarantine', query),
  release: (ids: string[]) => http.post<null>('/quarantine/release', { ids }),
  block: (ids: string[]) => http.post<null>('/quarantine/block', { ids }),
  register: (id: string, stranger: Partial<Stranger>) => http.post<null>(`/quarantine/${id}/register`, stranger),
}
/** What a part of the net is called: its label, or what it stands for where it has none. */
export type Dimension = 'product' | 'district' | 'owner'
export interface NamedPart extends NetPart {
  dimension: Dimension
  label: Schemas['Text'] | null
  name?: Words
}
