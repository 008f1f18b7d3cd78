/** The door's complaints about fields, in the reader's language and beside the field. */
import { ApiError, type FieldProblem } from '@/api/client'
import { useWords } from './words'

/** Fields of the specification by the names that the form gives them. */
const called: Record<string, string> = {
  above: 'bound', below: 'bound', per_minute: 'rate', per_hour: 'rate', other_above: 'other_bound', other_below: 'other_bound',
}
const sentences: Record<string, [string, string]> = {
  greater_than: ['rules.overStrict', 'gt'], greater_than_equal: ['rules.under', 'ge'], less_than: ['rules.over', 'lt'], less_than_equal: ['rules.over', 'le'],
}

export function useFieldProblems() {
  const { t } = useWords()
  function sentence(p: FieldProblem): string {
    const known = p.kind ? sentences[p.kind] : undefined
    if (known) return t(known[0], { n: p.limits?.[known[1]] ?? '' })
    if (p.kind === 'missing') return t('rules.required')
    if (p.kind === 'string_too_short') return t('rules.tooShort')
    if (p.kind?.endsWith('_parsing') || p.kind?.endsWith('_type')) return t('rules.number')
    return p.detail.replace(/^Value error, /, '')
  }
  /** By field; what belongs to none is under `''`. */
  function byField(error: unknown, operator: string): Record<string, string> {
    if (!(error instanceof ApiError)) return {}
    const found: Record<string, string> = {}
    for (const p of error.fields) {
      const path = p.pointer.split('/').filter((part) => part && !['body', 'rule', operator].includes(part))
      const [head, second] = path
      const key = head === 'label' ? (second === 'en' ? 'labelEn' : 'labelZh') : head === 'message' ? (second === 'en' ? 'messageEn' : 'messageZh')
        : head === 'other' && second ? `other.${second}` : (called[head] ?? head ?? '')
      found[key] ??= sentence(p)
    }
    if (error.code.startsWith('rule_metric')) found.metric = error.detail
    if (error.code === 'product_unknown') found.product = error.detail
    if (error.code === 'rule_name_invalid') found.name = error.detail
    return found
  }
  return { byField }
}
