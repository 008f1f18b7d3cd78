/** Times as the city reads them: in the city's own zone, and never without naming it. */
import { onScopeDispose, ref, type Ref } from 'vue'

let zone = 'Asia/Shanghai'

export function setTimeZone(name: string): void {
  zone = name
  formats.clear()
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** A moment by the parts of its writing in the city's zone. */
export function parts(iso: string | number | Date): Record<string, string> {
  let format = formats.get(zone)
  if (!format) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
      timeZoneName: 'shortOffset',
    })
    formats.set(zone, format)
  }
  const out: Record<string, string> = {}
  for (const part of format.formatToParts(new Date(iso))) out[part.type] = part.value
  out.offset = (out.timeZoneName ?? '').replace('GMT', 'UTC') || 'UTC'
  return out
}

/** `UTC+8`. */
export function offset(): string {
  return parts(Date.now()).offset
}

/** `14:05:09` without its zone, for clocks and axes that name the zone beside them. */
export function hms(iso: string | number | Date): string {
  const p = parts(iso)
  return `${p.hour}:${p.minute}:${p.second}`
}

/** `14:05` without its zone, as above. */
export function hm(iso: string | number | Date): string {
  const p = parts(iso)
  return `${p.hour}:${p.minute}`
}

/** `2026-11-21`. */
export function day(iso: string | number | Date): string {
  const p = parts(iso)
  return `${p.year}-${p.month}-${p.day}`
}

/** `14:05 (UTC+8)` today, else `11-20 14:05 (UTC+8)`, with the year when it is another one. */
export function compact(iso: string, now = Date.now(), withZone = true): string {
  const p = parts(iso)
  const date = day(iso)
  const today = day(now)
  const prefix = date === today ? '' : date.slice(0, 4) === today.slice(0, 4) ? `${date.slice(5)} ` : `${date} `
  return `${prefix}${p.hour}:${p.minute}${withZone ? ` (${p.offset})` : ''}`
}

/** `2026-11-21 14:05:09 Asia/Shanghai (UTC+8)`. */
export function full(iso: string): string {
  return `${day(iso)} ${hms(iso)} ${zone} (${parts(iso).offset})`
}

/** `3 minutes ago` in the reader's language. */
export function relative(iso: string, language: string, now = Date.now()): string {
  const exact = Math.round((new Date(iso).getTime() - now) / 1000)
  // What has just come is newer than the page's own tick: it is now, not in some seconds.
  const s = exact > 0 && exact < 60 ? 0 : exact
  const format = new Intl.RelativeTimeFormat(language === 'zh' ? 'zh-CN' : 'en', { numeric: 'auto' })
  const size = Math.abs(s)
  if (size < 60) return format.format(s, 'second')
  if (size < 3600) return format.format(Math.trunc(s / 60), 'minute')
  if (size < 86400) return format.format(Math.trunc(s / 3600), 'hour')
  return format.format(Math.trunc(s / 86400), 'day')
}

/** A span as two units at most: `2 天 3 小时`, `3 h 20 min`. */
export function span(ms: number, language: string): string {
  const minutes = Math.max(0, Math.floor(Math.abs(ms) / 60_000))
  const d = Math.floor(minutes / 1440)
  const h = Math.floor((minutes % 1440) / 60)
  const m = minutes % 60
  const [dd, hh, mm] = language === 'zh' ? [' 天', ' 小时', ' 分'] : [' d', ' h', ' min']
  if (d > 0) return `${d}${dd}${h ? ` ${h}${hh}` : ''}`
  if (h > 0) return `${h}${hh}${m ? ` ${m}${mm}` : ''}`
  return `${m}${mm}`
}

const clocks = new Map<number, { now: Ref<number>; users: number; timer: number }>()

/** The present, renewed every `every_ms`; one timer serves all who ask for the same pace. */
export function useNow(every_ms = 15_000): Ref<number> {
  let clock = clocks.get(every_ms)
  if (!clock) {
    const now = ref(Date.now())
    clock = { now, users: 0, timer: window.setInterval(() => (now.value = Date.now()), every_ms) }
    clocks.set(every_ms, clock)
  }
  const held = clock
  held.users += 1
  onScopeDispose(() => {
    held.users -= 1
    if (held.users === 0) {
      window.clearInterval(held.timer)
      clocks.delete(every_ms)
    }
  })
  return held.now
}
