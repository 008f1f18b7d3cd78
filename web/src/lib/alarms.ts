/** Who may do what with alarms (identity/policies), and how long one stands. */
import type { Alarm, Role } from '@/api/types'
import { span } from './time'

export const deciders: readonly Role[] = ['dispatcher']
export const commenters: readonly Role[] = ['dispatcher', 'department_staff', 'field_worker']
/** The platform refuses a longer suppression. */
export const suppression_days_max = 30
/** `null`: every alarm; the first is what the desk shows when nothing is chosen. */
export const stateTabs = ['standing', 'open', 'acknowledged', 'suppressed', 'cleared', 'all'] as const
export const severities = ['extreme', 'severe', 'moderate', 'minor'] as const

export function standing(alarm: Pick<Alarm, 'state'>): boolean {
  return alarm.state !== 'cleared'
}
/** `2 h 5 min`: until it cleared, or until now. */
export function lasted(alarm: Pick<Alarm, 'opened_at' | 'cleared_at'>, now: number, language: string): string {
  const end = alarm.cleared_at ? new Date(alarm.cleared_at).getTime() : now
  return span(end - new Date(alarm.opened_at).getTime(), language)
}
/** One request after another: a desk acts on tens of alarms, and each may be refused for its own reason. */
export async function each<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<unknown[]> {
  const failures: unknown[] = []
  for (const item of items) {
    try {
      await act(item)
    } catch (error) {
      failures.push(error)
    }
  }
  return failures
}
