/** Language and theme, remembered on this device. */
import { defineStore } from 'pinia'
import { computed, ref, watchEffect } from 'vue'
import { setRequestLanguage } from '@/api/client'
import { recall, remember } from '@/lib/storage'

export type Language = 'zh' | 'en'
export type Theme = 'light' | 'dark'

function firstLanguage(): Language {
  const asked = new URLSearchParams(location.search).get('lang')
  if (asked === 'zh' || asked === 'en') return asked
  const known = recall<Language | null>('language', null)
  if (known) return known
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en'
}

export const usePreferences = defineStore('preferences', () => {
  const language = ref<Language>(firstLanguage())
  const chosen = ref<Theme | null>(recall<Theme | null>('theme', null))
  const wallTheme = ref<Theme>(recall<Theme>('wall_theme', 'dark'))
  /** Set by the layout: the wall has its own theme and its own memory of the choice. */
  const onWall = ref(false)
  const system = window.matchMedia('(prefers-color-scheme: dark)')
  const systemDark = ref(system.matches)
  system.addEventListener('change', (e) => (systemDark.value = e.matches))

  const theme = computed<Theme>(() =>
    onWall.value ? wallTheme.value : (chosen.value ?? (systemDark.value ? 'dark' : 'light')),
  )

  function setLanguage(to: Language): void {
    language.value = to
    remember('language', to)
  }
  function toggleTheme(): void {
    const to: Theme = theme.value === 'dark' ? 'light' : 'dark'
    if (onWall.value) {
      wallTheme.value = to
      remember('wall_theme', to)
    } else {
      chosen.value = to
      remember('theme', to)
    }
  }

  // At once, since the map and the charts read the tokens as soon as the theme has changed.
  const sync = { flush: 'sync' } as const
  watchEffect(() => {
    document.documentElement.lang = language.value === 'zh' ? 'zh-CN' : 'en'
    setRequestLanguage(language.value)
  }, sync)
  watchEffect(() => {
    document.documentElement.dataset.theme = theme.value
    document.documentElement.dataset.wall = String(onWall.value)
  }, sync)

  return { language, theme, onWall, setLanguage, toggleTheme }
})
