/** Spans of history: how wide a bucket is for how long a span, and times as the city's clock shows them. */
import { parts } from './time'

export type SpanKey = 'h1' | 'h24' | 'd7' | 'd30' | 'own'
export const spans: Record<Exclude<SpanKey, 'own'>, number> = {
  h1: 3_600_000,
  h24: 86_400_000,
  d7: 7 * 86_400_000,
  d30: 30 * 86_400_000,
}
/** So many points a line is drawn from; beyond it they are summed up in buckets. */
const points_max = 1_600
const ladder: [string, number][] = [
  ['1m', 60_000],
  ['5m', 300_000],
  ['15m', 900_000],
  ['1h', 3_600_000],
  ['6h', 21_600_000],
  ['1d', 86_400_000],
  ['1w', 604_800_000],
]

/** The bucket for a span, null where every reading is drawn. */
export function bucketFor(span_ms: number, interval_s: number): { name: string; ms: number } | null {
  if (span_ms / (interval_s * 1000) <= points_max) return null
  const fit = ladder.find(([, ms]) => ms >= interval_s * 1000 && span_ms / ms <= points_max / 2) ?? ladder[ladder.length - 1]
  return { name: fit[0], ms: fit[1] }
}

/** `2026-11-21T14:05` on the city's clock, as a field of date and time holds it. */
export function cityField(ms: number): string {
  const p = parts(ms)
  return `${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}`
}
/** The moment that such a field means on the city's clock; null where it is not filled in. */
export function fromCityField(text: string): number | null {
  const asUtc = Date.parse(`${text}Z`)
  if (Number.isNaN(asUtc)) return null
  // The offset is that of the moment itself; near a change of the clock the second look settles it.
  let ms = asUtc
  for (let look = 0; look < 2; look += 1) ms = asUtc - (Date.parse(`${cityField(ms)}Z`) - Math.floor(ms / 60_000) * 60_000)
  return ms
}
