/** What a citizen wrote and sent on this device: the unsent draft, and the codes of sent reports. */
import { recall, remember } from './storage'

export interface Draft {
  text: string
  address: string
  name: string
  phone: string
  lon: number | null
  lat: number | null
}
export interface SentReport {
  code: string
  number: string
  text: string
  time: string
}
const sent_kept_max = 20

export const emptyDraft = (): Draft => ({ text: '', address: '', name: '', phone: '', lon: null, lat: null })
export const recallDraft = (): Draft => ({ ...emptyDraft(), ...recall<Partial<Draft>>('draft', {}) })
export const keepDraft = (draft: Draft | null): void => remember('draft', draft)

export const sentReports = (): SentReport[] => recall<SentReport[]>('reports', [])
export function keepSent(report: SentReport): void {
  remember('reports', [report, ...sentReports().filter((r) => r.code !== report.code)].slice(0, sent_kept_max))
}
export function forgetSent(code: string): void {
  remember('reports', sentReports().filter((r) => r.code !== code))
}
