/** Texts in the reader's language, errors as sentences, numbers as people write them. */
import { useI18n } from 'vue-i18n'
import { ApiError } from '@/api/client'
import type { Words } from '@/api/types'
import { en } from '@/i18n/en'
import { zh } from '@/i18n/zh'

export function useWords() {
  const { t, te, locale } = useI18n()

  /** A served text in the reader's language. */
  function say(text: Words): string {
    if (text === null || text === undefined) return ''
    if (typeof text === 'string') return text
    return locale.value === 'en' ? text.en || text.zh : text.zh || text.en
  }
  /** A word of a closed list, e.g. a status; the code itself where the list lacks it. */
  function term(group: string, code: string | null | undefined): string {
    if (!code) return ''
    const key = `${group}.${code}`
    return te(key) ? t(key) : code
  }
  /** As `term`, for event subjects, whose codes contain dots. */
  function subject(code: string): string {
    const known: Record<string, string> = (locale.value === 'en' ? en : zh).subject
    return known[code] ?? code
  }
  function explain(error: unknown): string {
    if (error instanceof ApiError) {
      if (error.offline) return t('error.offline')
      return error.detail || t('error.generic', { code: error.code })
    }
    return t('error.generic', { code: error instanceof Error ? error.name : 'unknown' })
  }
  /** `1,234` below ten thousand; above it 万/亿 or K/M. */
  function count(n: number | null | undefined): string {
    if (n === null || n === undefined || !Number.isFinite(n)) return '—'
    const tag = locale.value === 'zh' ? 'zh-CN' : 'en'
    if (Math.abs(n) < 10_000) return new Intl.NumberFormat(tag, { maximumFractionDigits: 1 }).format(n)
    return new Intl.NumberFormat(tag, { notation: 'compact', maximumFractionDigits: 1 }).format(n)
  }
  function percent(share: number | null | undefined, digits = 1): string {
    if (share === null || share === undefined || !Number.isFinite(share)) return '—'
    return `${(share * 100).toFixed(digits).replace(/\.0+$/, '')}%`
  }
  function value(v: unknown): string {
    if (v === null || v === undefined) return '—'
    if (typeof v === 'boolean') return t(v ? 'common.yes' : 'common.no')
    if (typeof v === 'number') return String(Math.round(v * 1000) / 1000)
    return String(v)
  }
  return { t, locale, say, term, subject, explain, count, percent, value }
}
