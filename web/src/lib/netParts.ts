/** Parts of the net by name, each with the way to its devices. */
import type { Dimension, NetOverview, NetPart } from '@/api/net'
import { useWords } from './words'

export interface Part {
  key: string
  dimension: Dimension
  name: string
  devices: number
  online: number
  silent: number
  share: number
  /** The list of its devices, those that are silent where `silent`. */
  list: (silent?: boolean) => string
}
/** What the list of devices calls a part that devices of none are in. */
const of_none = 'none'

export function useNetParts() {
  const { t, say } = useWords()

  function nameOf(part: NetPart, dimension: Dimension): string {
    if (part.code === null) return t(dimension === 'district' ? 'net.noDistrict' : 'net.noOwner')
    return say(part.label) || t('net.unknownPart', { code: part.code })
  }
  function named(parts: readonly NetPart[], dimension: Dimension): Part[] {
    return parts.map((part) => ({
      key: `${dimension}:${part.code ?? ''}`,
      dimension,
      name: nameOf(part, dimension),
      devices: part.devices,
      online: part.online,
      silent: part.silent,
      share: part.devices ? part.silent / part.devices : 0,
      list: (silent = false) =>
        `/devices?${dimension}=${encodeURIComponent(part.code ?? of_none)}${silent ? '&state=silent' : ''}`,
    }))
  }
  /** Parts with silent devices, the largest share first. */
  function worst(net: NetOverview): Part[] {
    return [...named(net.by_district, 'district'), ...named(net.by_product, 'product'), ...named(net.by_department.filter((part) => part.code !== null), 'owner')]
      .filter((part) => part.silent > 0)
      .sort((a, b) => b.share - a.share || b.silent - a.silent)
  }
  return { named, worst }
}
