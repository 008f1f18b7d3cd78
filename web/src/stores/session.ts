/** Who is signed in. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { api } from '@/api'
import { ApiError } from '@/api/client'
import type { Account, Role } from '@/api/types'
import { forgetTasks } from '@/lib/offline/tasks'
import { forgetOffline } from '@/lib/offline/worker'
import { recall, remember } from '@/lib/storage'

/** The page that serves a role best, first match wins. */
const homes: [Role, string][] = [
  ['leader', '/cockpit'],
  ['dispatcher', '/desk'],
  ['department_staff', '/inbox'],
  ['field_worker', '/field'],
  ['data_steward', '/devices'],
  ['administrator', '/admin'],
]

export const useSession = defineStore('session', () => {
  const account = ref<Account | null>(null)
  /** The session ended while the person was working. */
  const expired = ref(false)
  const roles = computed<Role[]>(() => account.value?.roles ?? [])
  const home = computed(() => homes.find(([role]) => roles.value.includes(role))?.[1] ?? '/report')

  function hasAny(allowed: readonly Role[]): boolean {
    return allowed.some((role) => roles.value.includes(role))
  }

  let restored: Promise<void> | null = null
  /** Ask who the cookie belongs to; not asked where nobody has signed in on this device. */
  function restore(): Promise<void> {
    if (account.value || !recall('signed_in', false)) return Promise.resolve()
    restored ??= api
      .session()
      .then((s) => {
        account.value = s.account
        remember('account', s.account)
      })
      .catch((error: unknown) => {
        restored = null
        // Without network whoever signed in last goes on: the page shows what this device keeps, and the
        // platform checks again whatever is sent.
        if (error instanceof ApiError && error.offline) account.value = recall<Account | null>('account', null)
        if (error instanceof ApiError && error.status === 401) remember('signed_in', null)
      })
    return restored
  }
  async function signIn(name: string, password: string): Promise<void> {
    account.value = (await api.signIn(name, password)).account
    expired.value = false
    remember('signed_in', true)
    remember('account', account.value)
  }
  async function signOut(): Promise<void> {
    await api.signOut().catch(() => undefined)
    forget()
    forgetOffline()
    await forgetTasks()
  }
  function forget(): void {
    account.value = null
    restored = null
    remember('signed_in', null)
    remember('account', null)
  }
  function expire(): void {
    if (account.value) expired.value = true
    forget()
  }
  return { account, roles, home, expired, hasAny, restore, signIn, signOut, expire }
})
