/** The pages of the sensing net, in the order of their tabs. */
import type { Role } from '@/api/types'
import { observers, ruleReaders } from '@/router'

export interface NetPage {
  to: string
  label: string
  roles: readonly Role[]
  /** Other paths begin with this one. */
  exact?: true
}

export const netPages: readonly NetPage[] = [
  { to: '/net', label: 'nav.netOverview', roles: [...observers, 'administrator'], exact: true },
  { to: '/net/map', label: 'nav.netMap', roles: observers },
  { to: '/devices', label: 'nav.devices', roles: observers },
  { to: '/alarms', label: 'nav.alarms', roles: observers },
  { to: '/rules', label: 'rules.title', roles: ruleReaders },
  { to: '/sharing', label: 'sharing.title', roles: [...observers, 'administrator'] },
  { to: '/net/quarantine', label: 'nav.quarantine', roles: ['data_steward', 'administrator'] },
]

/** The tab that a path belongs to. */
export function netPageOf(path: string): NetPage | undefined {
  return netPages.find((page) => path === page.to || (!page.exact && path.startsWith(`${page.to}/`)))
}
