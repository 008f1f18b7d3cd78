/** The live layers of the cockpit's map: scenes' points, open cases, open alarms. */
import type { FeatureCollection, Point } from 'geojson'
import { Marker, Popup, type Map as MapLibre, type MapGeoJSONFeature, type PaddingOptions } from 'maplibre-gl'
import { onBeforeUnmount, ref, shallowRef, watch, type ShallowRef } from 'vue'
import { api } from '@/api'
import type { Alarm, CasePoint, Layer, LayerPoint } from '@/api/types'
import { usePreferences } from '@/stores/preferences'
import { caseColour, growing, recolourPoints, setCases, setPoints, toneColour } from './points'

/** Alarms beyond this many are plain points: a hundred pulses say no more than forty. */
const pulses_max = 40
const layers_refresh_ms = 10_000
const refresh_pace_ms = 3_000
const outliers_share = 0.06

export type Picked =
  | { kind: 'case'; at: [number, number]; point: CasePoint }
  | { kind: 'alarm'; at: [number, number]; alarm: Alarm }
  | { kind: 'layer'; at: [number, number]; point: LayerPoint; layer: Layer }

export function useCockpitLayers(map: ShallowRef<MapLibre | null>, padding: () => PaddingOptions) {
  let casePlaces: number[][] = []
  const preferences = usePreferences()
  const layers = shallowRef<Layer[]>([])
  const alarms = shallowRef<Alarm[]>([])
  const shown = ref<Record<string, boolean>>({ cases: true, alarms: true })
  const sizes = ref<Record<string, number>>({})
  const picked = shallowRef<Picked | null>(null)
  const popupBox = document.createElement('div')
  let popup: Popup | null = null
  const pulses = new Map<string, Marker>()
  const idOf = (layer: Layer): string => `${layer.scene}/${layer.layer}`

  function pick(what: Picked): void {
    const m = map.value
    if (!m) return
    picked.value = what
    popup?.remove()
    popup = new Popup({ maxWidth: '300px', offset: 12, focusAfterOpen: false }).setLngLat(what.at).setDOMContent(popupBox).addTo(m)
    popup.on('close', () => {
      if (picked.value === what) picked.value = null
    })
  }
  function listen(m: MapLibre, id: string, chosen: (feature: MapGeoJSONFeature, at: [number, number]) => Picked | null): void {
    m.on('click', id, (e) => {
      const feature = e.features?.[0]
      if (!feature) return
      const what = chosen(feature, (feature.geometry as Point).coordinates as [number, number])
      if (what) pick(what)
    })
    m.on('mouseenter', id, () => (m.getCanvas().style.cursor = 'pointer'))
    m.on('mouseleave', id, () => (m.getCanvas().style.cursor = ''))
  }
  function show(id: string): void {
    const m = map.value
    if (m?.getLayer(id)) m.setLayoutProperty(id, 'visibility', shown.value[id] ? 'visible' : 'none')
    if (id === 'alarms') for (const pulse of pulses.values()) pulse.getElement().hidden = !shown.value.alarms
  }
  function toggle(id: string): void {
    shown.value = { ...shown.value, [id]: !shown.value[id] }
    show(id)
  }

  async function loadLayers(): Promise<void> {
    if (!layers.value.length) {
      layers.value = (await api.layers().catch(() => ({ items: [] as Layer[] }))).items
      for (const layer of layers.value) shown.value[idOf(layer)] = layer.shown
    }
    await Promise.all(layers.value.filter((layer) => shown.value[idOf(layer)]).map(loadLayer))
  }
  async function loadLayer(layer: Layer): Promise<void> {
    const id = idOf(layer)
    let data: FeatureCollection<Point, LayerPoint>
    try {
      data = await api.layer(layer.scene, layer.layer)
    } catch {
      return
    }
    const m = map.value
    if (!m) return
    sizes.value[id] = data.features.length
    const fresh = !m.getLayer(id)
    setPoints(m, id, data, { colour: toneColour('token'), radius: growing(4, 9), ring: true })
    if (!fresh) return
    // Scenes' things are ground for the cases: they lie below them.
    if (m.getLayer('cases')) m.moveLayer(id, 'cases')
    listen(m, id, (feature, at) => ({ kind: 'layer', at, point: feature.properties as LayerPoint, layer }))
    show(id)
  }
  async function loadCases(): Promise<void> {
    const data = await api.casesMap({ status: 'open' }).catch(() => null)
    const m = map.value
    if (!m || !data) return
    sizes.value.cases = data.features.length
    casePlaces = data.features.map((f) => f.geometry.coordinates)
    const fresh = !m.getLayer('cases')
    setCases(m, data)
    if (!fresh) return
    listen(m, 'cases', (feature, at) => ({ kind: 'case', at, point: feature.properties as CasePoint }))
    show('cases')
  }
  async function loadAlarms(): Promise<void> {
    const page = await api.alarms({ state: 'open', limit: 200 }).catch(() => null)
    const m = map.value
    if (!m || !page) return
    alarms.value = page.items
    sizes.value.alarms = page.total ?? page.items.length
    const placed = page.items.filter((a) => a.lon !== null && a.lat !== null).slice(0, pulses_max)
    const present = new Set(placed.map((a) => a.id))
    for (const [id, pulse] of pulses) {
      if (present.has(id)) continue
      pulse.remove()
      pulses.delete(id)
    }
    for (const alarm of placed) {
      if (pulses.has(alarm.id)) continue
      const at: [number, number] = [alarm.lon as number, alarm.lat as number]
      const element = document.createElement('button')
      element.type = 'button'
      element.className = `pulse ${alarm.severity}`
      const label = alarm.label
      element.title = typeof label === 'object' && label ? label[preferences.language] : (label ?? '')
      element.setAttribute('aria-label', element.title)
      element.hidden = !shown.value.alarms
      element.addEventListener('click', (e) => {
        e.stopPropagation()
        pick({ kind: 'alarm', at, alarm })
      })
      pulses.set(alarm.id, new Marker({ element }).setLngLat(at).addTo(m))
    }
  }

  let timers: Record<string, number> = {}
  function soon(what: 'cases' | 'alarms'): void {
    if (timers[what]) return
    timers[what] = window.setTimeout(() => {
      delete timers[what]
      void (what === 'cases' ? loadCases() : loadAlarms())
    }, refresh_pace_ms)
  }
  let every = 0
  watch(map, (m) => {
    if (!m) return
    void loadCases().then(loadAlarms).then(loadLayers)
    window.clearInterval(every)
    every = window.setInterval(() => !document.hidden && void loadLayers(), layers_refresh_ms)
  })
  watch(
    () => [preferences.theme, preferences.onWall],
    () => {
      const m = map.value
      if (!m) return
      recolourPoints(m, 'cases', caseColour())
      for (const layer of layers.value) recolourPoints(m, idOf(layer), toneColour('token'), true)
    },
  )
  onBeforeUnmount(() => {
    window.clearInterval(every)
    for (const timer of Object.values(timers)) window.clearTimeout(timer)
    timers = {}
    popup?.remove()
  })
  /** Show where most of the open cases and alarms are; the few far ones on each side are left out. */
  function focus(): void {
    const points = [...casePlaces, ...alarms.value.flatMap((a) => (a.lon !== null && a.lat !== null ? [[a.lon, a.lat]] : []))]
    if (points.length === 0) return
    const range = (axis: 0 | 1): [number, number] => {
      const sorted = points.map((p) => p[axis]).sort((a, b) => a - b)
      const cut = Math.floor(sorted.length * outliers_share)
      return [sorted[cut], sorted[sorted.length - 1 - cut]]
    }
    const [[west, east], [south, north]] = [range(0), range(1)]
    map.value?.fitBounds([west, south, east, north], { padding: padding(), maxZoom: 13, duration: 900 })
  }
  return { layers, shown, sizes, picked, popupBox, toggle, soon, focus, idOf, loadLayer }
}
