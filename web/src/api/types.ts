/** The shapes of /api/v1, as the HTTP contract states them. Times are ISO 8601 UTC. */

/** A text that a person reads. */
export interface Text {
  zh: string
  en: string
}
export type Words = Text | string | null | undefined

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

export interface Named {
  id: string
  name: Words
}
export interface Coded {
  code: string
  name: Words
}

export interface Meta {
  name: Words
  city: {
    city: string
    code: string
    name: Words
    centre: [number, number]
    bounds: [number, number, number, number]
    time_zone: string
    languages: string[]
  }
  version: string
  demo: boolean
  synthetic: boolean
}

export interface DemoAccount {
  account: string
  name: Words
  role: Role
  password: string
}
export interface Account {
  id: string
  account: string
  name: Words
  roles: Role[]
  department: Named | null
}
export interface Session {
  account: Account
  expires_at: string
}
export interface AccountRow extends Account {
  kind: 'person' | 'system'
  demo: boolean
  disabled_at: string | null
  created_at: string
}
export interface AuditEntry {
  id: number
  time: string
  actor: string | null
  actor_name: Words
  action: string
  resource: string | null
  detail: Record<string, unknown>
}
export interface Token {
  id: string
  name: string
  token?: string
  created_at?: string | null
  expires_at: string | null
}
export interface DeadLetter {
  id: string
  source: string
  subject: string
  payload: string
  code: string
  /** Why it could not be handled, in the language of the request. */
  detail: string
  created_at: string
  replayed_at: string | null
}

export interface Area {
  code: string
  name: Words
  level: 'district' | 'street'
  parent: string | null
}
export interface ResolvedPlace {
  district: Coded | null
  street: Coded | null
}
export interface Department {
  id: string
  name: Words
  kind: string
  area: string | null
  parent: string | null
}
export interface Category {
  code: string
  name: Words
  parent: string | null
  scene?: string
}

export interface Metric {
  label: Words
  unit: string | null
  unit_label: Words
}
export interface Product {
  product: string
  label: Words
  scene: string
  metrics: Record<string, Metric>
}
export interface Device {
  id?: string
  device: string
  product: string
  product_label: Words
  entity: Named | null
  lon: number | null
  lat: number | null
  state: 'online' | 'silent' | string
  last_seen: string | null
  latest: Record<string, { value: number | string | boolean | null; time: string }>
}
export interface Readings {
  metric: string
  unit_label: Words
  points: [string, number][]
}

export type Severity = 'minor' | 'moderate' | 'severe' | 'extreme'
export type AlarmState = 'open' | 'acknowledged' | 'cleared'
export interface Alarm {
  id: string
  rule: string
  label: Words
  severity: Severity
  state: AlarmState
  message: Words
  device: string
  entity: Named | null
  lon: number | null
  lat: number | null
  value: number | null
  opened_at: string
  acknowledged_at: string | null
  cleared_at: string | null
  case_id: string | null
}

export type Tone = 'good' | 'notice' | 'warning' | 'danger' | 'neutral'
export interface Layer {
  scene: string
  layer: string
  label: Words
  entity_type: string
  attribute: string | null
  steps: { from_value: number; token: Tone; label: Words }[]
  shown: boolean
}
export interface LayerPoint {
  id: string
  name_zh: string
  name_en: string
  value: number | string | null
  token: Tone
  observed_at: string | null
}
export interface Entity {
  id: string
  type: string
  name: Words
  lon: number | null
  lat: number | null
  attributes: Record<string, { value: unknown; unit: string | null; observed_at: string | null }>
  relations: Record<string, string>
}

/** `cases.domain.OPEN` on the server; a list may ask for them by `status=open`. */
export type CaseStatus = 'desk' | 'assigned' | 'handling' | 'checking' | 'closed' | 'rated' | 'rejected'
export interface Photo {
  id: string
  url: string
  thumb_url: string
}
export interface CaseRow {
  id: string
  number: string
  title: Words
  text: string
  status: CaseStatus
  source: string
  category: Coded | null
  department: Named | null
  area: Coded | null
  address: string | null
  lon: number | null
  lat: number | null
  opened_at: string
  due_at: string | null
  overdue: boolean
  confidence: number | null
  scene: string | null
}
export type Need = 'comment' | 'department' | 'photos' | 'category'
export interface CaseAction {
  action: string
  label: Words
  /** What must come with the action. */
  needs: Need[]
  /** What may come with it. */
  offers?: Need[]
}
export interface CaseDetail extends CaseRow {
  reporter?: { name?: string | null; phone?: string | null; email?: string | null; masked?: boolean } | null
  photos: Photo[]
  fields?: Record<string, unknown>
  alarm_id: string | null
  trace_id: string | null
  dispatch: {
    automatic: boolean
    confidence: number | null
    threshold: number | null
    category: Coded | null
    department: Named | null
    reasons: Words[]
    alternatives: { category: string; name: Words; confidence: number }[]
  } | null
  informed: Named[]
  actions: CaseAction[]
  rating: { score: number; comment?: string | null } | null
}
export interface TimelineItem {
  time: string
  event?: string
  label?: Words
  what?: Words
  actor?: { name: Words; kind: 'person' | 'system' } | null
  comment: string | null
  department?: Named | null
  photos?: Photo[]
}
export interface Flow {
  bpmn: string
  current: string[]
  done: string[]
}
export interface ActionInput {
  comment?: string
  department?: string
  category?: string
  photos?: string[]
}
export interface CasePoint {
  id: string
  number: string
  title: string
  status: CaseStatus
  category_zh: string
  category_en: string
  overdue: boolean
}

export interface ReportInput {
  text: string
  lon?: number
  lat?: number
  address?: string
  photos?: string[]
  reporter?: { name?: string; phone?: string }
}
/** A case as an officer opens it, e.g. from a call. */
export interface CaseInput extends ReportInput {
  category?: string
}
export interface ReportReceipt {
  case_id: string
  number: string
  tracking_code: string
}
export interface Report {
  number: string
  status: CaseStatus
  status_label: Words
  text: string
  category: Coded | null
  department: Named | null
  address: string | null
  lon: number | null
  lat: number | null
  opened_at: string
  due_at: string | null
  photos: Photo[]
  timeline: TimelineItem[]
  can_rate: boolean
  rating: { score: number; comment?: string | null } | number | null
}
export interface NearPoint {
  number: string
  category: Coded | null
  status: CaseStatus
  lon: number
  lat: number
  opened_at: string
}

export interface Counts {
  devices: number
  online: number
  readings_today: number
  readings_per_s: number
  alarms_open: number
  cases_today: number
  cases_open: number
  desk: number
  overdue: number
  auto_share: number | null
  closed_today: number
  satisfaction: number | null
}
export interface Overview {
  time: string
  counts: Counts
  by_district: { code: string; name: Words; open: number; overdue: number }[]
  by_category: { code: string; name: Words; n: number }[]
  hourly: { hour: string; opened: number; closed: number }[]
}

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
