/** A MapLibre map of the city, with district names, that follows theme and language. */
import { Map as MapLibre, Marker, NavigationControl, setWorkerUrl, type GeoJSONSource, type PaddingOptions } from 'maplibre-gl'
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url'
import 'maplibre-gl/dist/maplibre-gl.css'
import './map.css'
import { onBeforeUnmount, onMounted, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import { token } from '@/design/tokens'
import { useMeta } from '@/stores/meta'
import { usePreferences } from '@/stores/preferences'
import { districtShapes, labelPoints, streetShapes } from './shapes'
import { basePaint, cityStyle } from './style'

setWorkerUrl(workerUrl)

export interface CityMapOptions {
  centre?: [number, number]
  zoom?: number
  /** Room that panels take over the map, px. */
  padding?: () => PaddingOptions
  labels?: boolean
  interactive?: boolean
  controls?: boolean
}
const zoom_min = 6
const zoom_max = 18

export function useCityMap(
  container: Ref<HTMLElement | null>,
  options: CityMapOptions,
): { map: ShallowRef<MapLibre | null>; fitCity: (animate?: boolean) => void } {
  const map = shallowRef<MapLibre | null>(null)
  const meta = useMeta()
  const preferences = usePreferences()
  const labels: { marker: Marker; element: HTMLElement; zh: string; en: string }[] = []
  let gone = false

  function fitCity(animate = true): void {
    const bounds = meta.meta?.city.bounds
    if (!map.value || !bounds) return
    map.value.fitBounds(bounds, { padding: options.padding?.() ?? 24, animate, duration: 900 })
  }
  function recolour(): void {
    const m = map.value
    if (!m) return
    for (const [layer, property, name] of basePaint) {
      if (m.getLayer(layer)) m.setPaintProperty(layer, property as 'fill-color', token(name))
    }
  }
  function relabel(): void {
    // The kind of area is plain on a map of areas, and it makes English names twice as long.
    for (const label of labels) {
      label.element.textContent = preferences.language === 'zh' ? label.zh : label.en.replace(/ (District|City)$/, '')
    }
    unclutter()
  }
  /** Larger areas keep their names; a name that would lie on another one is left out. */
  function unclutter(): void {
    const placed: DOMRect[] = []
    for (const { element } of labels) {
      element.style.visibility = 'visible'
      const box = element.getBoundingClientRect()
      const hit = placed.some((p) => box.left < p.right && box.right > p.left && box.top < p.bottom && box.bottom > p.top)
      element.style.visibility = hit ? 'hidden' : 'visible'
      if (!hit) placed.push(box)
    }
  }

  onMounted(async () => {
    await meta.load()
    const districts = await districtShapes().catch(() => null)
    if (gone || !container.value) return
    const city = meta.meta?.city
    const m = new MapLibre({
      container: container.value,
      style: cityStyle(districts),
      center: options.centre ?? city?.centre ?? [0, 0],
      zoom: options.zoom ?? 8.5,
      minZoom: zoom_min,
      maxZoom: zoom_max,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      interactive: options.interactive ?? true,
      fadeDuration: 0,
    })
    m.touchZoomRotate.disableRotation()
    if (options.controls) m.addControl(new NavigationControl({ showCompass: false }), 'bottom-right')
    if (options.labels !== false && districts) {
      for (const area of labelPoints(districts)) {
        const element = document.createElement('div')
        element.className = 'district-label'
        labels.push({ marker: new Marker({ element }).setLngLat(area.at).addTo(m), element, zh: area.name_zh, en: area.name_en })
      }
      relabel()
      m.on('moveend', unclutter)
    }
    m.once('load', () => {
      if (gone) return
      map.value = m
      if (!options.centre) fitCity(false)
      streetShapes()
        .then((shapes) => {
          if (!gone) void (m.getSource('streets') as GeoJSONSource | undefined)?.setData(shapes)
        })
        .catch(() => undefined)
    })
    stop = () => m.remove()
  })
  let stop = (): void => undefined
  watch(() => [preferences.theme, preferences.onWall], recolour)
  watch(() => preferences.language, relabel)
  onBeforeUnmount(() => {
    gone = true
    map.value = null
    stop()
  })
  return { map, fitCity }
}
