/** The dispatcher's queue: what waits, what is chosen, what has been decided. */
import { computed, onBeforeUnmount, onMounted, ref, shallowRef, watch, type Ref } from 'vue'
import { casework, type QueueItem, type RunningCounts } from '@/api/casework'
import { useDecisions, type Step } from './useDecisions'
import { useMessages } from './useMessages'
import { useWords } from './words'
import { useLive } from '@/stores/live'

export const desk_rows_max = 200
const refresh_pace_ms = 1_500

export function useDesk(view: Ref<string>) {
  const { t, explain } = useWords()
  const messages = useMessages()
  const live = useLive()
  const all = shallowRef<QueueItem[]>([])
  const more = ref(false)
  const counts = shallowRef<RunningCounts | null>(null)
  const loading = ref(true)
  const problem = ref<unknown>(null)
  const query = ref('')
  const chosen = ref<string | null>(null)
  /** Came while the page was open, for a word to those who do not see the list. */
  const arrived = ref(0)
  const decisions = useDecisions(({ done, failures }) => {
    if (failures.length) messages.failed(failures[0].error)
    if (failures.length && done) messages.note(t('work.partly', { n: done, m: failures.length }))
    void refresh()
  })

  const items = computed(() => {
    const words = query.value.trim().toLowerCase()
    return all.value.filter(
      (item) =>
        !decisions.away.value.has(item.id) &&
        (!words || `${item.number} ${item.text} ${item.address ?? ''}`.toLowerCase().includes(words)),
    )
  })
  const at = computed(() => items.value.findIndex((item) => item.id === chosen.value))
  const item = computed(() => items.value[at.value] ?? null)

  let question = 0
  async function refresh(loud = false): Promise<void> {
    const mine = ++question
    if (loud) loading.value = true
    try {
      const [page, n] = await Promise.all([
        casework.queue({ status: view.value, limit: desk_rows_max }),
        casework.counts(),
      ])
      if (mine !== question) return
      if (!loud) {
        const known = new Set(all.value.map((i) => i.id))
        arrived.value += page.items.filter((i) => !known.has(i.id)).length
      }
      all.value = page.items
      more.value = Boolean(page.next)
      counts.value = n
      problem.value = null
      decisions.forget(new Set(page.items.map((i) => i.id)))
      if (!item.value) chosen.value = items.value[0]?.id ?? null
    } catch (error) {
      if (mine === question && loud) problem.value = error
    } finally {
      if (mine === question) loading.value = false
    }
  }
  function step(by: number): void {
    const next = items.value[Math.max(0, Math.min(items.value.length - 1, at.value + by))]
    if (next) chosen.value = next.id
  }
  /** Decides, and goes on to the case that comes next. */
  function decide(steps: Step[], words: string): void {
    const gone = new Set(steps.map((s) => s.id))
    const next = items.value.slice(at.value + 1).find((i) => !gone.has(i.id)) ?? items.value.slice(0, Math.max(0, at.value)).reverse().find((i) => !gone.has(i.id))
    decisions.decide(steps, words)
    if (chosen.value && gone.has(chosen.value)) chosen.value = next?.id ?? null
  }
  function undo(): void {
    const [first] = decisions.undo()
    if (first) chosen.value = first
  }
  let timer = 0
  let stop = (): void => undefined
  onMounted(() => {
    void refresh(true)
    stop = live.watch((event) => {
      if (!event.subject.startsWith('cases.') || timer) return
      timer = window.setTimeout(() => {
        timer = 0
        void refresh()
      }, refresh_pace_ms)
    })
  })
  onBeforeUnmount(() => {
    window.clearTimeout(timer)
    stop()
  })
  watch(view, () => {
    chosen.value = null
    void refresh(true)
  })
  return { items, all, more, counts, loading, problem, explain, query, chosen, item, at, arrived, pending: decisions.pending, latest: decisions.latest, refresh, step, decide, undo }
}
