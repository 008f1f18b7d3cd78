/** What scenes are called; the city's own rules are of a scene of their own. */
import type { Words } from '@/api/types'
import { useMeta } from '@/stores/meta'
import { useWords } from './words'

export const own_scene = 'city'

export function useScenes() {
  const store = useMeta()
  const { t, say } = useWords()
  function scene(code: string): string {
    if (code === own_scene) return t('rules.own')
    const known = (store.meta as { scenes?: { scene: string; label: Words }[] } | null)?.scenes
    return say(known?.find((s) => s.scene === code)?.label) || code
  }
  return { scene }
}
