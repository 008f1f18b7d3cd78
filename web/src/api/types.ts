/**
 * The names that the console uses for what the API tells, taken from its description (openapi.d.ts,
 * which `npm run types` generates). Written by hand is only what the description leaves open.
 * Times are ISO 8601 UTC.
 */
import type { components } from './openapi'

type Schemas = components['schemas']
/** A schema with some fields told more closely; what does not fit the schema does not compile. */
type Narrow<T, N extends { [K in keyof N]: K extends keyof T ? T[K] : never }> = Omit<T, keyof N> & N

/** A text that a person reads. */
export type Text = Schemas['Text']
export type Words = Text | string | null | undefined

/** What every list has in common. */
export interface Page<T> {
  items: T[]
  next?: string | null
  total?: number | null
}

export type Role =
  | 'citizen'
  | 'dispatcher'
  | 'department_staff'
  | 'field_worker'
  | 'leader'
  | 'data_steward'
  | 'administrator'

export type Meta = Schemas['Meta']

export type DemoAccount = Narrow<Schemas['DemoAccountView'], { role: Role }>
export type Account = Narrow<Schemas['SignedInAccount'], { roles: Role[] }>
export type Session = Narrow<Schemas['SessionView'], { account: Account }>
export type AccountRow = Narrow<Schemas['AccountView'], { roles: Role[] }>
export type AuditEntry = Schemas['AuditView']
export type Token = Schemas['TokenView']
export type TokenMade = Schemas['TokenMade']
export type DeadLetter = Schemas['LetterOut']

export type Area = Schemas['AreaView']
export type ResolvedPlace = Schemas['PlaceView']
export type Department = Schemas['DepartmentView']
export type Category = Schemas['CategoryNode']

export type Metric = Schemas['MetricOut']
export type Product = Schemas['ProductOut']
type Latest = Narrow<Schemas['LatestOut'], { value: number | string | boolean | null }>
export type Device = Narrow<Schemas['DeviceOut'], { latest: Record<string, Latest> }>
export type Readings = Narrow<Schemas['ReadingsOut'], { points: [string, number][] }>

export type Severity = NonNullable<Schemas['CaseItem']['severity']>
export type AlarmState = 'open' | 'acknowledged' | 'suppressed' | 'cleared'
export type Alarm = Narrow<Schemas['AlarmOut'], { severity: Severity; state: AlarmState }>

export type Layer = Schemas['LayerOut']
export type Tone = Schemas['ColourStep']['token']
/** Properties of a layer's GeoJSON features. */
export interface LayerPoint {
  id: string
  name_zh: string
  name_en: string
  value: number | string | null
  token: Tone
  observed_at: string | null
}
export type Entity = Schemas['EntityOut']

export type CaseStatus = Schemas['CaseItem']['status']
export type Photo = Schemas['PhotoLinks']
export type CaseRow = Schemas['CaseItem']
export type CaseAction = Schemas['CaseAction']
export type Need = CaseAction['needs'][number]
export type CaseDetail = Schemas['CaseDetail']
/** Instead of the detail, where whoever acted may no longer read the case. */
export type CaseReceipt = Schemas['CaseReceipt']
type Told = Schemas['TimelineEntry']
type ToldToCitizens = Schemas['ReportTimelineEntry']
type ToldToBoth = keyof Told & keyof ToldToCitizens
/** An entry of an officer's or of a citizen's timeline: what only one of them has is optional. */
export type TimelineItem = Pick<Told & ToldToCitizens, ToldToBoth> & Partial<Omit<Told & ToldToCitizens, ToldToBoth>>
export type Flow = Schemas['CaseFlow']
export type ActionInput = Schemas['ActionBody']
export type CasePoint = Schemas['CasePoint']

export type ReportInput = Schemas['ReportBody']
/** A case as an officer opens it, e.g. from a call. */
export type CaseInput = Schemas['CaseBody']
export type ReportReceipt = Schemas['ReportReceipt']
export type Report = Schemas['TrackedReport']
export type NearPoint = Schemas['NearReport']

export type Counts = Schemas['Counts']
export type Overview = Schemas['Overview']

/** What `GET /events` sends. */
export interface LiveEvent {
  id: string
  time: string
  subject: string
  title?: Words
  severity?: Severity
  lon?: number
  lat?: number
  case_id?: string
  alarm_id?: string
  device?: string
  count?: number
  number?: string
  status?: CaseStatus
  entity_name?: Words
}
