/** Forgets the tasks that this device keeps. */
import { remember } from '@/lib/storage'
import { db } from './db'

let listener: () => void = () => undefined

export function whenForgotten(act: () => void): void {
  listener = act
}
export async function forgetTasks(): Promise<void> {
  listener()
  remember('tasks_saved_at', null)
  await db.replace('tasks', []).catch(() => undefined)
}
