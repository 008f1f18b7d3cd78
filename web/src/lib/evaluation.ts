/** Periods and numbers of evaluation. */
import { computed, type ComputedRef } from 'vue'
import type { Asked, Indicator } from '@/api/evaluation'
import type { Role } from '@/api/types'
import { useFilter } from '@/lib/filters'
import { useWords } from '@/lib/words'
import { watchers } from '@/router'

export const judges: readonly Role[] = ['dispatcher', 'leader']
export const processReaders: readonly Role[] = [...judges, 'data_steward']
export const evaluationPages: readonly { to: string; label: string; roles: readonly Role[]; exact?: true }[] = [
  { to: '/evaluation', label: 'evaluation.title', roles: watchers, exact: true },
  { to: '/evaluation/ranking', label: 'evaluation.rankingTitle', roles: judges },
  { to: '/evaluation/process', label: 'evaluation.processTitle', roles: processReaders },
  { to: '/evaluation/reports', label: 'evaluation.reportsTitle', roles: judges },
]

export type Preset = 'month' | 'last' | 'quarter' | 'year'
export const presets: readonly Preset[] = ['month', 'last', 'quarter', 'year']

/** Days are counted in UTC so that no clock change moves them. */
function utc(day: string): Date {
  return new Date(`${day}T00:00:00Z`)
}
function iso(date: Date): string {
  return date.toISOString().slice(0, 10)
}
/** The first day of the month so many months away. */
export function monthStart(day: string, months = 0): string {
  const date = utc(day)
  return iso(new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1)))
}
export function dayBefore(day: string): string {
  return iso(new Date(utc(day).getTime() - 86_400_000))
}
export function days(from: string, to: string): number {
  return Math.round((utc(to).getTime() - utc(from).getTime()) / 86_400_000) + 1
}
/** First and last day of a preset, as seen from `today`. */
export function span(preset: Preset, today: string): [from: string, to: string] {
  if (preset === 'month') return [monthStart(today), today]
  if (preset === 'last') return [monthStart(today, -1), dayBefore(monthStart(today))]
  return [monthStart(today, preset === 'quarter' ? -2 : -11), today]
}

/** The question in the address: period and filters. */
export function useAsked(today: () => string): {
  asked: ComputedRef<Asked>
  preset: ComputedRef<Preset | null>
  from: ReturnType<typeof useFilter>
  to: ReturnType<typeof useFilter>
  department: ReturnType<typeof useFilter>
  district: ReturnType<typeof useFilter>
} {
  const [from, to, department, district] = ['from', 'to', 'department', 'district'].map(useFilter)
  const asked = computed<Asked>(() => {
    const [first, last] = span('quarter', today())
    return { from: from.value ?? first, to: to.value ?? last, department: department.value, district: district.value }
  })
  const preset = computed(() => presets.find((p) => span(p, today()).join() === [asked.value.from, asked.value.to].join()) ?? null)
  return { asked, preset, from, to, department, district }
}

export function useNumbers() {
  const { t, percent, count } = useWords()
  function shown(unit: Indicator['unit'], value: number | null | undefined): string {
    if (value === null || value === undefined) return '—'
    if (unit === 'percent') return percent(value)
    if (unit === 'hours') return t('evaluation.hours', { n: count(Math.round(value * 10) / 10) })
    return unit === 'score' ? value.toFixed(2) : count(value)
  }
  /** A span of hours in the unit that reads best. */
  function hours(value: number | null | undefined): string {
    if (value === null || value === undefined) return '—'
    if (value < 1) return t('evaluation.process.minutes', { n: Math.round(value * 60) })
    if (value < 72) return t('evaluation.process.hours', { n: Math.round(value * 10) / 10 })
    return t('evaluation.process.days', { n: Math.round(value / 2.4) / 10 })
  }
  return { shown, hours }
}
