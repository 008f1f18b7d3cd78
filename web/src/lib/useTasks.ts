/** My department's tasks, from the platform or, without network, from this device. */
import { computed, ref, shallowRef } from 'vue'
import { api } from '@/api'
import { casework, type QueueItem } from '@/api/casework'
import { ApiError } from '@/api/client'
import type { CaseDetail, TimelineItem } from '@/api/types'
import { db } from '@/lib/offline/db'
import { whenForgotten } from '@/lib/offline/tasks'
import { recall, remember } from '@/lib/storage'

export interface Task {
  id: string
  item: QueueItem
  detail: CaseDetail | null
  timeline: TimelineItem[]
}
const tasks_kept_max = 100
/** So many details are fetched at once; the first page of a morning is on a weak network. */
const fetching_max = 3

const tasks = shallowRef<Task[]>([])
whenForgotten(() => (tasks.value = []))
const savedAt = ref<string | null>(recall<string | null>('tasks_saved_at', null))
const loading = ref(false)
const stale = ref(false)
const problem = ref<unknown>(null)

async function fill(list: Task[]): Promise<Task[]> {
  const queue = [...list.entries()]
  const full = [...list]
  async function work(): Promise<void> {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [i, task] = next
      const [detail, happened] = await Promise.all([api.case(task.id), api.timeline(task.id)])
      full[i] = { ...task, detail, timeline: happened.items }
    }
  }
  await Promise.all(Array.from({ length: fetching_max }, work))
  return full
}
/** On this device. Vue's proxies cannot be cloned into the database, plain data can. */
async function keep(list: Task[]): Promise<void> {
  await db.replace('tasks', JSON.parse(JSON.stringify(list)) as Task[]).catch(() => undefined)
}
async function load(): Promise<void> {
  if (loading.value) return
  loading.value = true
  try {
    if (!tasks.value.length) tasks.value = sorted(await db.all<Task>('tasks').catch(() => []))
    const page = await casework.queue({ status: 'assigned,handling', limit: tasks_kept_max })
    const held = new Map(tasks.value.map((t) => [t.id, t]))
    // At once what the list tells, kept in case the network goes; the details follow.
    const known = page.items.map((item) => ({ id: item.id, item, detail: held.get(item.id)?.detail ?? null, timeline: held.get(item.id)?.timeline ?? [] }))
    tasks.value = known
    await keep(known)
    const full = await fill(known)
    tasks.value = full
    await keep(full)
    savedAt.value = new Date().toISOString()
    remember('tasks_saved_at', savedAt.value)
    stale.value = false
    problem.value = null
  } catch (error) {
    stale.value = error instanceof ApiError && error.offline
    problem.value = stale.value && tasks.value.length ? null : error
  } finally {
    loading.value = false
  }
}
const sorted = (list: Task[]): Task[] => list.sort((a, b) => a.item.due_at.localeCompare(b.item.due_at))
export function useTasks() {
  return { tasks, savedAt, loading, stale, problem, load, find: (id: string) => computed(() => tasks.value.find((t) => t.id === id) ?? null) }
}
