/** Where the reporter is: from the browser, a photo or the map, and what that place is called. */
import { ref } from 'vue'
import { api } from '@/api'
import type { ResolvedPlace } from '@/api/types'

export interface Place {
  lon: number
  lat: number
}
const locate_timeout_ms = 12_000
/** About two decimetres; more digits would pretend. */
const degree_digits = 6

export function usePlace() {
  const place = ref<Place | null>(null)
  const from = ref<'device' | 'photo' | 'map' | null>(null)
  const named = ref<ResolvedPlace | null>(null)
  const state = ref<'idle' | 'locating' | 'failed' | 'denied'>('idle')
  /** The city's areas were asked and none contains the place. */
  const outside = ref(false)

  async function set(to: Place, source: 'device' | 'photo' | 'map'): Promise<void> {
    const lon = Number(to.lon.toFixed(degree_digits))
    const lat = Number(to.lat.toFixed(degree_digits))
    place.value = { lon, lat }
    from.value = source
    state.value = 'idle'
    named.value = null
    outside.value = false
    // Without an answer the coordinates alone say where it is.
    const resolved = await api.resolve(lon, lat).catch(() => null)
    if (!resolved || place.value?.lon !== lon || place.value.lat !== lat) return
    named.value = resolved
    outside.value = resolved.district === null
  }
  function clear(): void {
    place.value = null
    from.value = null
    named.value = null
    outside.value = false
  }
  function locate(): void {
    if (!('geolocation' in navigator)) {
      state.value = 'failed'
      return
    }
    state.value = 'locating'
    navigator.geolocation.getCurrentPosition(
      (found) => void set({ lon: found.coords.longitude, lat: found.coords.latitude }, 'device'),
      (error) => (state.value = error.code === error.PERMISSION_DENIED ? 'denied' : 'failed'),
      { enableHighAccuracy: true, timeout: locate_timeout_ms, maximumAge: 60_000 },
    )
  }
  return { place, from, named, state, outside, set, clear, locate }
}
