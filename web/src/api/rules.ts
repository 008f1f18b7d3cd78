/** The doors of rules, dry runs and maintenance windows. */
import { http, type Query } from './client'
import type { components } from './openapi'
import type { Page, Severity } from './types'

type Schemas = components['schemas']
export type RuleRow = Omit<Schemas['RuleOut'], 'severity'> & { severity: Severity }
export type RuleSpec = Schemas['RuleDetailOut']['spec']
export type RuleDetail = Omit<Schemas['RuleDetailOut'], 'severity'> & { severity: Severity }
export type Operator = RuleSpec['operator']
export type RuleChange = Schemas['ChangeOut']
export type DryRun = Schemas['DryRunOut']
export type DeviceReview = Schemas['DeviceReviewOut']
export type Maintenance = Schemas['MaintenanceOut']
export type MaintenanceKind = Maintenance['kind']

const rules_page = 200
/** A month of a product's readings is judged at once, which may take this long. */
const dry_run_timeout_ms = 120_000
const named = (scene: string, rule: string): string => `/rules/${encodeURIComponent(scene)}/${encodeURIComponent(rule)}`

export const rulesApi = {
  /** Every active rule; there are hundreds, not thousands. */
  async all(query: Query = {}): Promise<RuleRow[]> {
    const found: RuleRow[] = []
    let cursor: string | null | undefined
    do {
      const page: Page<RuleRow> = await http.get<Page<RuleRow>>('/rules', { ...query, limit: rules_page, cursor })
      found.push(...page.items)
      cursor = page.next
    } while (cursor)
    return found
  },
  get: (scene: string, rule: string) => http.get<RuleDetail>(named(scene, rule)),
  put: (rule: string, spec: RuleSpec) => http.put<RuleDetail>(named('city', rule), spec),
  end: (rule: string) => http.delete(named('city', rule)),
  changes: (rule: string) => http.get<{ items: RuleChange[] }>(`${named('city', rule)}/changes`),
  dryRun: (rule: RuleSpec, from: string, to: string, devices: string[] | null) =>
    http.post<DryRun>('/rules/dry-run', { rule, from, to, devices }, undefined, dry_run_timeout_ms),

  maintenance: (query: Query) => http.get<Page<Maintenance>>('/maintenance', query),
  plan: (asked: { kind: MaintenanceKind; target: string; from: string; to: string; reason: string }) =>
    http.post<Maintenance>('/maintenance', asked),
  endMaintenance: (id: string) => http.post<Maintenance>(`/maintenance/${id}/end`),
}
