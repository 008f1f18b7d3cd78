/** Decisions that take effect after a moment in which they can be taken back. */
import { computed, onBeforeUnmount, onMounted, ref, shallowRef } from 'vue'
import { api } from '@/api'
import { casework } from '@/api/casework'
import { postLeaving } from '@/api/client'
import type { ActionInput } from '@/api/types'

export const undo_ms = 5_000
/** At once on the way; more would only wait on the server. */
const sending_max = 3

export interface Step {
  id: string
  action: string
  input: ActionInput
  /** Instead of an action: the case that stands for this one from then on. */
  into?: string
}
export interface Decision {
  key: number
  steps: Step[]
  words: string
  until: number
}
interface Outcome {
  words: string
  done: number
  failures: { id: string; error: unknown }[]
}

export function useDecisions(settled: (outcome: Outcome) => void) {
  const pending = shallowRef<Decision[]>([])
  /** Decided or on the way: a list shows them no more. */
  const away = ref(new Set<string>())
  const timers = new Map<number, number>()
  let keys = 0

  function drop(key: number): void {
    window.clearTimeout(timers.get(key))
    timers.delete(key)
    pending.value = pending.value.filter((d) => d.key !== key)
  }
  function back(ids: string[]): void {
    away.value = new Set([...away.value].filter((id) => !ids.includes(id)))
  }
  async function send(decision: Decision): Promise<void> {
    drop(decision.key)
    const queue = [...decision.steps]
    const failures: Outcome['failures'] = []
    async function work(): Promise<void> {
      for (let step = queue.shift(); step; step = queue.shift()) {
        try {
          if (step.into) await casework.merge(step.id, step.into)
          else await api.act(step.id, step.action, step.input)
        } catch (error) {
          failures.push({ id: step.id, error })
        }
      }
    }
    await Promise.all(Array.from({ length: sending_max }, work))
    back(failures.map((f) => f.id))
    settled({ words: decision.words, done: decision.steps.length - failures.length, failures })
  }
  function decide(steps: Step[], words: string): void {
    const decision = { key: ++keys, steps, words, until: Date.now() + undo_ms }
    away.value = new Set([...away.value, ...steps.map((s) => s.id)])
    pending.value = [...pending.value, decision]
    timers.set(decision.key, window.setTimeout(() => void send(decision), undo_ms))
  }
  /** Takes back the latest; its cases are told, so that the reader can be led to them. */
  function undo(): string[] {
    const latest = pending.value.at(-1)
    if (!latest) return []
    drop(latest.key)
    const ids = latest.steps.map((s) => s.id)
    back(ids)
    return ids
  }
  /** What the list does not hold any more need not be kept from it. */
  function forget(listed: ReadonlySet<string>): void {
    const waiting = new Set(pending.value.flatMap((d) => d.steps.map((s) => s.id)))
    away.value = new Set([...away.value].filter((id) => listed.has(id) || waiting.has(id)))
  }
  function leave(): void {
    for (const decision of pending.value) {
      for (const step of decision.steps) {
        if (step.into) postLeaving(`/cases/${step.id}/merge`, { into: step.into })
        else postLeaving(`/cases/${step.id}/actions/${step.action}`, step.input)
      }
      drop(decision.key)
    }
  }
  onMounted(() => window.addEventListener('pagehide', leave))
  onBeforeUnmount(() => {
    window.removeEventListener('pagehide', leave)
    leave()
  })
  return { pending, away, latest: computed(() => pending.value.at(-1) ?? null), decide, undo, forget }
}
