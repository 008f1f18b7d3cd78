/** The lines that a rule draws into a chart of its metric. */
import type { RuleSpec } from '@/api/rules'

export interface RuleBound {
  value: number
  opens: boolean
}

export function metricOf(spec: RuleSpec): string | null {
  return 'metric' in spec ? spec.metric : null
}
/** Only bounds of the metric itself: shares, rates and scores are on other scales. */
export function boundsOf(spec: RuleSpec): RuleBound[] {
  const line = (value: number | null | undefined, opens: boolean): RuleBound[] => (value === null || value === undefined ? [] : [{ value, opens }])
  switch (spec.operator) {
    case 'threshold':
      if (spec.relative_to) return []
      return [...line(spec.above ?? spec.below, true), ...line(spec.clear, false)]
    case 'range':
      return [...line(spec.minimum, true), ...line(spec.maximum, true)]
    case 'window':
      if (!['mean', 'min', 'max'].includes(spec.statistic)) return []
      return [...line(spec.above ?? spec.below, true), ...line(spec.clear, false)]
    default:
      return []
  }
}
