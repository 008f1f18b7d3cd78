/** What happens now: the stream of events, kept open while somebody watches. */
import { defineStore } from 'pinia'
import { ref } from 'vue'
import { url } from '@/api/client'
import type { LiveEvent } from '@/api/types'

const subjects = [
  'sensing.alarm.opened',
  'sensing.alarm.acknowledged',
  'sensing.alarm.suppressed',
  'sensing.alarm.returned',
  'sensing.alarm.escalated',
  'sensing.alarm.assigned',
  'sensing.alarm.cleared',
  'cases.case.opened',
  'cases.case.changed',
  'sensing.readings.stored',
] as const
const events_kept_max = 120
const retry_first_ms = 1_000
const retry_max_ms = 20_000
/** A break shorter than this mends itself and is not worth a word. */
const lost_after_ms = 4_000

export const useLive = defineStore('live', () => {
  const events = ref<LiveEvent[]>([])
  const connected = ref(false)
  /** Lost for long enough that a person should know. */
  const lost = ref(false)
  const listeners = new Set<(event: LiveEvent) => void>()
  let source: EventSource | null = null
  let watchers = 0
  let retry_ms = retry_first_ms
  let retryTimer = 0
  let lostTimer = 0

  function receive(subject: string, message: MessageEvent<string>): void {
    let event: LiveEvent
    try {
      event = { ...(JSON.parse(message.data) as LiveEvent), subject }
    } catch {
      return
    }
    for (const listener of listeners) listener(event)
    if (subject === 'sensing.readings.stored') return
    if (events.value.some((known) => known.id === event.id)) return
    events.value = [event, ...events.value].slice(0, events_kept_max)
  }

  function open(): void {
    source = new EventSource(url('/events'))
    for (const subject of subjects) {
      source.addEventListener(subject, (e) => receive(subject, e as MessageEvent<string>))
    }
    source.onopen = () => {
      connected.value = true
      lost.value = false
      retry_ms = retry_first_ms
      window.clearTimeout(lostTimer)
      lostTimer = 0
    }
    source.onerror = () => {
      connected.value = false
      if (!lostTimer) lostTimer = window.setTimeout(() => (lost.value = watchers > 0), lost_after_ms)
      // A refused stream is closed for good by the browser; a broken one it re-opens by itself.
      if (source?.readyState === EventSource.CLOSED) {
        retryTimer = window.setTimeout(open, retry_ms)
        retry_ms = Math.min(retry_ms * 2, retry_max_ms)
      }
    }
  }
  function close(): void {
    window.clearTimeout(retryTimer)
    window.clearTimeout(lostTimer)
    lostTimer = 0
    source?.close()
    source = null
    connected.value = false
    lost.value = false
  }

  /** Watch the stream; the returned function ends it. */
  function watch(listener?: (event: LiveEvent) => void): () => void {
    watchers += 1
    if (listener) listeners.add(listener)
    if (!source) open()
    return () => {
      watchers -= 1
      if (listener) listeners.delete(listener)
      if (watchers === 0) close()
    }
  }
  return { events, connected, lost, watch }
})
