/** Tokens for what cannot read CSS variables: the map, the charts and Naive UI. */
import type { Theme } from '@/stores/preferences'

/** The token's value now; `_theme` makes a computed that calls this follow the theme. */
export function token(name: string, _theme?: Theme): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}
