/** The rule editor's fields as data: one table for every operator, one flat draft for every form. */
import type { Operator, RuleSpec } from '@/api/rules'
import type { Severity } from '@/api/types'

export type Draft = Record<string, unknown>
export type Unit = 'metric' | 's' | 'm' | 'N' | 'Steps' | 'Weeks' | 'Days' | 'Devices' | 'none'
export interface Field {
  key: string
  kind: 'number' | 'seconds' | 'choice' | 'text' | 'numbers' | 'bound' | 'rate' | 'product' | 'metric'
  unit?: Unit
  options?: readonly string[]
  required?: boolean
  /** What the platform takes when it is left empty. */
  start?: unknown
  /** Shown on demand: most rules do without. */
  fine?: boolean
}
const clear: Field = { key: 'clear', kind: 'number', unit: 'metric' }
const held: Field = { key: 'for_s', kind: 'seconds', start: 0 }
const readings: Field = { key: 'readings', kind: 'number', unit: 'N', start: 1, fine: true }
const every: Field = { key: 'every_s', kind: 'seconds', start: 300, fine: true }
const bound: Field = { key: 'bound', kind: 'bound', unit: 'metric', required: true }
const score: Field = { ...bound, unit: 'none' }
const clears: Field = { ...clear, unit: 'none' }
const window = (start: number): Field => ({ key: 'window_s', kind: 'seconds', required: true, start })
const spread: Field = { key: 'spread_min', kind: 'number', unit: 'metric', start: 0, fine: true }
const side: Field = { key: 'side', kind: 'choice', options: ['both', 'above', 'below'], start: 'both' }

export const fieldsOf: Record<Operator, readonly Field[]> = {
  threshold: [bound, clear, held, readings, { key: 'relative_to', kind: 'text', fine: true }],
  range: [
    { key: 'when', kind: 'choice', options: ['outside', 'inside'], start: 'outside' },
    { key: 'minimum', kind: 'number', unit: 'metric', required: true }, { key: 'maximum', kind: 'number', unit: 'metric', required: true },
    { key: 'margin', kind: 'number', unit: 'metric', start: 0 }, held, readings,
  ],
  rate: [
    { key: 'direction', kind: 'choice', options: ['up', 'down', 'either'], start: 'up' }, { key: 'rate', kind: 'rate', unit: 'metric', required: true }, clear,
    { key: 'over_s', kind: 'seconds', start: 0 }, held, readings, { key: 'gap_max_s', kind: 'seconds', start: 3600, fine: true },
  ],
  stuck: [
    { key: 'for_s', kind: 'seconds', required: true, start: 21_600 }, { key: 'tolerance', kind: 'number', unit: 'metric', start: 0 },
    { key: 'unless_at', kind: 'numbers', fine: true }, readings,
  ],
  silence: [{ key: 'after_s', kind: 'seconds', required: true, start: 1800 }],
  window: [
    window(3600), { key: 'statistic', kind: 'choice', options: ['mean', 'min', 'max', 'count', 'sum', 'rate'], start: 'mean' }, bound, clear, held,
    { key: 'count_min', kind: 'number', unit: 'N', start: 1, fine: true }, every,
  ],
  'same-hour': [
    window(3600), { key: 'weeks', kind: 'number', unit: 'Weeks', start: 4 }, { key: 'measure', kind: 'choice', options: ['deviations', 'percent'], start: 'deviations' }, side, score, clears, held,
    { key: 'weeks_min', kind: 'number', unit: 'Weeks', start: 3, fine: true }, spread, every,
  ],
  neighbours: [
    { key: 'nearest', kind: 'number', unit: 'Devices', start: 8 }, { key: 'within_m', kind: 'number', unit: 'm' }, { key: 'measure', kind: 'choice', options: ['unit', 'deviations'], start: 'unit' }, side, score, clears, held,
    window(600), { key: 'neighbours_min', kind: 'number', unit: 'Devices', start: 3, fine: true }, spread, every,
  ],
  related: [
    { key: 'other.product', kind: 'product', required: true }, { key: 'other.metric', kind: 'metric', required: true }, { key: 'other.relation', kind: 'text' },
    { key: 'other.points_to', kind: 'choice', options: ['other', 'this'], start: 'other' }, { key: 'other.combine', kind: 'choice', options: ['sum', 'mean', 'min', 'max'], start: 'sum' },
    { key: 'compare', kind: 'choice', options: ['difference', 'share', 'both'], start: 'difference' }, bound, clear, { key: 'other_bound', kind: 'bound', unit: 'none' }, held, window(600), every,
  ],
  forecast: [
    { ...score, start: 0 }, clears, held, { key: 'step_s', kind: 'seconds', start: 300 }, { key: 'ahead', kind: 'number', unit: 'Steps', start: 1, fine: true },
    { key: 'history_days', kind: 'number', unit: 'Days', start: 28, fine: true }, { key: 'share', kind: 'number', unit: 'none', start: 0.99, fine: true }, every,
  ],
}
export const operators = Object.keys(fieldsOf) as Operator[]

export interface RuleDraft {
  name: string
  operator: Operator
  product: string | null
  metric: string | null
  severity: Severity
  labelZh: string
  labelEn: string
  messageZh: string
  messageEn: string
  category: string | null
  caseType: string | null
  active: { days: 'all' | 'working' | 'off'; weekdays: number[]; hours: [string, string][] } | null
  fields: Draft
  /** What the editor does not show and keeps: escalation, floods, groups, who else is informed. */
  kept: Pick<RuleSpec, 'escalation' | 'flood' | 'group'> & { inform?: string[] }
}
export const defaultsOf = (operator: Operator): Draft => {
  const made: Draft = { side_of_bound: 'above', side_of_other: 'above', per: 'per_minute' }
  for (const field of fieldsOf[operator]) made[field.key] = field.start ?? null
  return made
}
export function emptyDraft(): RuleDraft {
  return {
    name: '', operator: 'threshold', product: null, metric: null, severity: 'moderate', labelZh: '', labelEn: '',
    messageZh: '{entity}：{value}，自 {since} 起。', messageEn: '{entity}: {value} since {since}.', category: null, caseType: null, active: null,
    fields: defaultsOf('threshold'), kept: {},
  }
}
export function draftOf(name: string, spec: RuleSpec): RuleDraft {
  const flat = spec as unknown as Draft
  const other = (flat.other ?? {}) as Draft
  const fields = defaultsOf(spec.operator)
  for (const { key, kind } of fieldsOf[spec.operator]) {
    if (kind === 'bound') {
      const [up, down] = key === 'bound' ? ['above', 'below'] : ['other_above', 'other_below']
      fields[key] = flat[up] ?? flat[down] ?? null
      const below = flat[up] === null || flat[up] === undefined
      fields[key === 'bound' ? 'side_of_bound' : 'side_of_other'] = below && fields[key] !== null ? 'below' : 'above'
    } else if (kind === 'rate') {
      fields.per = flat.per_minute === null || flat.per_minute === undefined ? 'per_hour' : 'per_minute'
      fields[key] = flat.per_minute ?? flat.per_hour ?? null
    } else fields[key] = key.startsWith('other.') ? (other[key.slice(6)] ?? null) : (flat[key] ?? null)
  }
  return {
    name, operator: spec.operator, product: spec.product, metric: 'metric' in spec ? spec.metric : null, severity: (spec.severity ?? 'moderate') as Severity,
    labelZh: spec.label.zh, labelEn: spec.label.en, messageZh: spec.message.zh, messageEn: spec.message.en,
    category: spec.case?.category ?? null, caseType: spec.case?.case_type ?? null,
    active: spec.active ? (JSON.parse(JSON.stringify({ days: spec.active.days ?? 'all', weekdays: spec.active.weekdays ?? [1, 2, 3, 4, 5, 6, 7], hours: spec.active.hours ?? [['00:00', '24:00']] })) as RuleDraft['active']) : null,
    fields, kept: { escalation: spec.escalation, flood: spec.flood, group: spec.group, inform: spec.case?.inform },
  }
}
/** The specification as the door takes it; what is empty is left to the platform. */
export function specOf(d: RuleDraft): RuleSpec {
  const spec: Draft = {
    operator: d.operator, product: d.product ?? '', label: { zh: d.labelZh.trim(), en: d.labelEn.trim() }, severity: d.severity,
    message: { zh: d.messageZh.trim(), en: d.messageEn.trim() }, active: d.active,
    case: d.category && d.caseType ? { case_type: d.caseType, category: d.category, inform: d.kept.inform ?? [] } : null,
    escalation: d.kept.escalation ?? null, flood: d.kept.flood ?? null, group: d.kept.group ?? null,
  }
  if (d.operator !== 'silence') spec.metric = d.metric ?? ''
  const other: Draft = {}
  for (const { key, kind } of fieldsOf[d.operator]) {
    const value = d.fields[key]
    if (value === null || value === undefined || value === '') continue
    if (kind === 'bound') {
      if (key === 'bound') spec[String(d.fields.side_of_bound)] = value
      else if (d.fields.compare === 'both') spec[`other_${String(d.fields.side_of_other)}`] = value
      // A forecast has a bound of its own unless another one is told.
      if (key === 'bound' && d.operator === 'forecast' && d.fields.side_of_bound === 'below') spec.above = null
    } else if (kind === 'rate') spec[String(d.fields.per)] = value
    else if (key.startsWith('other.')) other[key.slice(6)] = value
    else spec[key] = value
  }
  if (d.operator === 'related') spec.other = other
  return spec as unknown as RuleSpec
}
/** What is missing or at odds, by field: keys of sentences. The door checks again, and more. */
export function problemsOf(d: RuleDraft, named: boolean): Record<string, string> {
  const found: Record<string, string> = {}
  const need = (key: string, ok: unknown, sentence = 'rules.required'): void => void (ok || (found[key] ??= sentence))
  if (named) need('name', /^[a-z][a-z0-9-]*$/.test(d.name), 'rules.badName')
  need('product', d.product)
  if (d.operator !== 'silence') need('metric', d.metric)
  for (const key of ['labelZh', 'labelEn', 'messageZh', 'messageEn'] as const) need(key, d[key].trim())
  for (const field of fieldsOf[d.operator]) if (field.required) need(field.key, d.fields[field.key] !== null && d.fields[field.key] !== '')
  const { bound: b, clear: c, minimum, maximum, rate } = d.fields as Record<string, number | null>
  if (c !== null && c !== undefined && b !== null && b !== undefined) need('clear', d.fields.side_of_bound === 'above' ? c <= b : c >= b, 'rules.clearOver')
  if (d.operator === 'rate' && c !== null && rate !== null) need('clear', c <= rate, 'rules.clearOver')
  if (d.operator === 'range' && minimum !== null && maximum !== null) need('minimum', minimum <= maximum, 'rules.bandInverted')
  if (d.active) {
    need('active', d.active.weekdays.length, 'rules.everyDay')
    need('active', d.active.hours.every(([from, to]) => from !== to), 'rules.hoursSame')
  }
  return found
}
