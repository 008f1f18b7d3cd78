/**
 * Work that waits to be sent. Each entry has a key of its own that goes with every attempt, so that the
 * platform takes it once however often the phone sends it. Photos are uploaded first and their ids kept:
 * the request is then the same in every attempt.
 */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { api } from '@/api'
import { ApiError, http } from '@/api/client'
import { db } from '@/lib/offline/db'
import { newKey } from '@/lib/keys'
import { keepSent } from '@/lib/reports'
import { useSession } from './session'

export type EntryState = 'waiting' | 'sending' | 'sent' | 'refused'
export interface EntryPhoto {
  blob: Blob
  name: string
  id: string | null
}
export interface Entry {
  key: string
  /** An action on a case, an officer's own case, or a citizen's report. */
  kind: 'action' | 'case' | 'report'
  path: string
  body: Record<string, unknown>
  photos: EntryPhoto[]
  /** What it is about, in the words that the page showed. */
  title: string
  what: string
  caseId: string | null
  account: string | null
  madeAt: string
  state: EntryState
  reason: string
  sentAt: string | null
  answer: { number?: string; tracking_code?: string; case_id?: string } | null
}
export type NewEntry = Pick<Entry, 'kind' | 'path' | 'body' | 'title' | 'what' | 'caseId' | 'account'> & { photos: { blob: Blob; name: string; id?: string | null }[] }

const retry_every_ms = 20_000
const sent_kept_max = 30
/** Answers after which a later attempt may succeed. */
const passing = (error: ApiError): boolean => error.offline || error.status >= 500 || [401, 408, 425, 429].includes(error.status)

export const useOutbox = defineStore('outbox', () => {
  const session = useSession()
  const kept = shallowRef<Entry[]>([])
  /** Another person's work on this device is neither shown nor sent in this one's name. */
  const entries = computed(() => kept.value.filter((e) => e.account === null || e.account === session.account?.id))
  const online = ref(navigator.onLine)
  /** The platform said that nobody is signed in: sending goes on after signing in. */
  const locked = ref(false)
  const failed = ref(false)
  const waiting = computed(() => entries.value.filter((e) => e.state === 'waiting' || e.state === 'sending'))
  const refused = computed(() => entries.value.filter((e) => e.state === 'refused'))
  let loaded: Promise<void> | null = null
  let running = false

  function load(): Promise<void> {
    loaded ??= db
      .all<Entry>('outbox')
      .then((found) => {
        // A page that died while sending does not know whether it arrived; its key makes asking again safe.
        kept.value = found.map((e) => (e.state === 'sending' ? { ...e, state: 'waiting' as const } : e)).sort((a, b) => a.madeAt.localeCompare(b.madeAt))
      })
      .catch(() => {
        failed.value = true
      })
    return loaded
  }
  async function save(entry: Entry): Promise<void> {
    kept.value = kept.value.map((e) => (e.key === entry.key ? entry : e))
    await db.put('outbox', entry)
  }
  /** Keeps it on this device and begins to send. Rejects where the device cannot keep it. */
  async function add(input: NewEntry, key = newKey()): Promise<string> {
    await load()
    const entry: Entry = {
      ...input, key, photos: input.photos.map((p) => ({ ...p, id: p.id ?? null })), madeAt: new Date().toISOString(), state: 'waiting', reason: '', sentAt: null, answer: null,
    }
    await db.put('outbox', entry)
    kept.value = [...kept.value, entry]
    void sync()
    return entry.key
  }
  async function send(entry: Entry): Promise<boolean> {
    let now: Entry = { ...entry, state: 'sending' }
    await save(now)
    try {
      for (const [i, photo] of now.photos.entries()) {
        if (photo.id) continue
        const { id } = await api.uploadPhoto(photo.blob, photo.name, () => undefined)
        now = { ...now, photos: now.photos.map((p, j) => (j === i ? { ...p, id } : p)) }
        await save(now)
      }
      const photos = now.photos.flatMap((p) => (p.id ? [p.id] : []))
      const answer = await http.post<Entry['answer']>(now.path, photos.length ? { ...now.body, photos } : now.body, { 'Idempotency-Key': now.key })
      const { number, tracking_code, case_id } = answer ?? {}
      // What has arrived needs no photos here any more.
      await save({ ...now, state: 'sent', photos: [], sentAt: new Date().toISOString(), answer: { number, tracking_code, case_id } })
      locked.value = false
      if (now.kind === 'report' && number && tracking_code) keepSent({ code: tracking_code, number, text: now.title, time: now.madeAt })
      return true
    } catch (error) {
      if (error instanceof ApiError && !passing(error)) {
        await save({ ...now, state: 'refused', reason: error.detail || error.code })
        return true
      }
      if (error instanceof ApiError && error.status === 401) locked.value = true
      await save({ ...now, state: 'waiting' })
      return false
    }
  }
  /** Sends in order what waits, by one page at a time. */
  async function sync(): Promise<void> {
    await load()
    if (running || !waiting.value.length) return
    running = true
    try {
      const work = async (): Promise<void> => {
        for (let entry = waiting.value[0]; entry; entry = waiting.value[0]) if (!(await send(entry))) break
      }
      if (navigator.locks) await navigator.locks.request('yunnao-outbox', work)
      else await work()
      await prune()
    } finally {
      running = false
    }
  }
  async function prune(): Promise<void> {
    const sent = entries.value.filter((e) => e.state === 'sent')
    for (const old of sent.slice(0, Math.max(0, sent.length - sent_kept_max))) await drop(old.key)
  }
  async function drop(key: string): Promise<void> {
    kept.value = kept.value.filter((e) => e.key !== key)
    await db.remove('outbox', key)
  }
  /** Tries once more what was refused; a refusal changed nothing, so its key is still unused. */
  async function again(key: string): Promise<void> {
    const entry = entries.value.find((e) => e.key === key)
    if (!entry) return
    await save({ ...entry, state: 'waiting', reason: '' })
    void sync()
  }
  let watching = false
  /** Sends whenever the network may be back; once per page. */
  function watch(): void {
    if (watching) return
    watching = true
    void load().then(sync)
    window.addEventListener('online', () => {
      online.value = true
      void sync()
    })
    window.addEventListener('offline', () => (online.value = false))
    document.addEventListener('visibilitychange', () => !document.hidden && void sync())
    window.setInterval(() => void sync(), retry_every_ms)
  }
  return { entries, waiting, refused, online, locked, failed, load, add, sync, drop, again, watch }
})
