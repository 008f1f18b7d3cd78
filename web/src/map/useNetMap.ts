/** The map of the net: cells that open as one comes nearer, and single devices where they are few. */
import { Popup, type GeoJSONSource, type Map as MapLibre, type MapLayerMouseEvent } from 'maplibre-gl'
import { computed, onBeforeUnmount, ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import { ApiError } from '@/api/client'
import { netApi, type Box, type Cells, type LiveDevice } from '@/api/net'
import { token } from '@/design/tokens'
import { useMeta } from '@/stores/meta'
import { usePreferences } from '@/stores/preferences'
import { cellFeatures, domainOf, grown, pointFeatures, resolutionAt, shadeColour, type CellFacts, type Domain } from './netCells'

/** Fewer devices than this in view are shown one by one. */
export const points_max = 400
const refresh_ms = 15_000
const settle_ms = 150
const opened_padding = 40
const hit_px = 6

export function useNetMap(map: ShallowRef<MapLibre | null>, product: Ref<string | null>, metric: Ref<string | null>) {
  const meta = useMeta()
  const preferences = usePreferences()
  const cells = shallowRef<Cells | null>(null)
  /** Devices one by one; none while there are too many for that. */
  const points = shallowRef<LiveDevice[] | null>(null)
  const domain = shallowRef<Domain | null>(null)
  const loading = ref(false)
  const problem = shallowRef<unknown>(null)
  /** The cell under the pointer, or touched. */
  const cell = shallowRef<CellFacts | null>(null)
  /** Devices at the spot that was clicked. */
  const picked = ref<string[]>([])
  const popupBox = document.createElement('div')
  let popup: Popup | null = null
  let question = 0
  const devices = computed(() => cells.value?.devices.reduce((sum, n) => sum + n, 0) ?? 0)
  const touch = window.matchMedia('(hover: none)')

  function view(m: MapLibre): Box | undefined {
    const b = m.getBounds()
    const city = meta.meta?.city.bounds as Box | undefined
    // The whole city is asked for without a box: the server keeps its cells ready.
    if (city && b.getWest() <= city[0] && b.getSouth() <= city[1] && b.getEast() >= city[2] && b.getNorth() >= city[3]) return undefined
    return [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()]
  }
  async function load(): Promise<void> {
    const m = map.value
    if (!m) return
    const mine = ++question
    const seen = view(m)
    const resolution = resolutionAt(m.getZoom(), m.getCenter().lat)
    const asked = { metric: metric.value, product: product.value }
    loading.value = true
    try {
      const found = await netApi.cells({ ...asked, resolution, bbox: seen && grown(seen, resolution) })
      const n = found.devices.reduce((sum, each) => sum + each, 0)
      const few = seen && n <= points_max ? (await netApi.box(grown(seen, resolution), product.value)).items : null
      if (mine !== question || map.value !== m) return
      cells.value = found
      points.value = few?.filter((device) => !asked.metric || asked.metric in device.latest) ?? null
      domain.value = asked.metric ? domainOf(points.value ? points.value.map((d) => number(d, asked.metric)) : found.mean) : null
      problem.value = null
      draw(m)
    } catch (error) {
      if (mine !== question) return
      problem.value = error
      // What was asked for exists nowhere: nothing of before may stand for it.
      if (error instanceof ApiError && error.status === 404) clear(m)
    } finally {
      if (mine === question) loading.value = false
    }
  }
  const number = (device: LiveDevice, name: string | null): number | null => {
    const value: unknown = name ? device.latest[name]?.value : null
    return typeof value === 'number' ? value : null
  }
  function clear(m: MapLibre): void {
    cells.value = points.value = domain.value = null
    draw(m)
  }
  function draw(m: MapLibre): void {
    const nothing = { type: 'FeatureCollection', features: [] } as const
    const shapes = cells.value && !points.value ? cellFeatures(cells.value, domain.value) : { ...nothing, features: [] }
    const dots = points.value ? pointFeatures(points.value, metric.value, domain.value) : { ...nothing, features: [] }
    const held = m.getSource('net-cells') as GeoJSONSource | undefined
    if (held) {
      void held.setData(shapes)
      void (m.getSource('net-points') as GeoJSONSource).setData(dots)
      return
    }
    m.addSource('net-cells', { type: 'geojson', data: shapes })
    m.addSource('net-points', { type: 'geojson', data: dots })
    m.addLayer({ id: 'net-cells', type: 'fill', source: 'net-cells', paint: { 'fill-color': shadeColour(), 'fill-opacity': 0.74 } }, 'districts')
    m.addLayer({ id: 'net-rims', type: 'line', source: 'net-cells', paint: { 'line-color': token('--map-halo'), 'line-width': 1, 'line-opacity': 0.7 } }, 'districts')
    m.addLayer({ id: 'net-points', type: 'circle', source: 'net-points', paint: { 'circle-color': shadeColour(), 'circle-radius': ['interpolate', ['linear'], ['zoom'], 10, 5, 16, 9], 'circle-stroke-width': 1.5, 'circle-stroke-color': token('--map-halo') } })
    listen(m)
  }
  function listen(m: MapLibre): void {
    m.on('click', 'net-points', (e) => {
      const { x, y } = e.point
      const hits = m.queryRenderedFeatures([[x - hit_px, y - hit_px], [x + hit_px, y + hit_px]], { layers: ['net-points'] })
      picked.value = [...new Set(hits.map((hit) => String(hit.properties.device)))]
    })
    m.on('click', 'net-cells', (e) => {
      const facts = e.features?.[0]?.properties as CellFacts | undefined
      if (!facts) return
      if (touch.matches) tell(m, e, true)
      else open(facts)
    })
    m.on('mousemove', 'net-cells', (e) => {
      if (!touch.matches) tell(m, e, false)
    })
    m.on('mouseleave', 'net-cells', () => {
      if (!touch.matches) popup?.remove()
    })
    for (const layer of ['net-cells', 'net-points']) {
      m.on('mouseenter', layer, () => (m.getCanvas().style.cursor = 'pointer'))
      m.on('mouseleave', layer, () => (m.getCanvas().style.cursor = ''))
    }
  }
  function tell(m: MapLibre, e: MapLayerMouseEvent, stays: boolean): void {
    cell.value = (e.features?.[0]?.properties as CellFacts | undefined) ?? null
    popup ??= new Popup({ closeButton: false, offset: 14, maxWidth: '260px', focusAfterOpen: false, closeOnClick: true }).setDOMContent(popupBox)
    popup.setLngLat(e.lngLat).addTo(m)
    popup.getElement()?.classList.toggle('passing', !stays)
  }
  /** Come so near that a cell fills the view. */
  function open(facts: CellFacts): void {
    const ring = cells.value?.boundary?.[facts.index] as [number, number][] | undefined
    if (!map.value || !ring) return
    popup?.remove()
    const [xs, ys] = [ring.map((p) => p[0]), ring.map((p) => p[1])]
    map.value.fitBounds([Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)], { padding: opened_padding, duration: 500 })
  }
  function recolour(): void {
    const m = map.value
    if (!m?.getLayer('net-cells')) return
    m.setPaintProperty('net-cells', 'fill-color', shadeColour())
    m.setPaintProperty('net-rims', 'line-color', token('--map-halo'))
    m.setPaintProperty('net-points', 'circle-color', shadeColour())
    m.setPaintProperty('net-points', 'circle-stroke-color', token('--map-halo'))
  }
  let settling = 0
  const soon = (): void => {
    window.clearTimeout(settling)
    settling = window.setTimeout(() => void load(), settle_ms)
  }
  let every = 0
  watch(map, (m) => {
    if (!m) return
    m.on('moveend', soon)
    m.on('movestart', () => popup?.remove())
    soon()
    every = window.setInterval(() => !document.hidden && void load(), refresh_ms)
  })
  watch([product, metric], () => {
    popup?.remove()
    void load()
  })
  watch(() => preferences.theme, recolour)
  onBeforeUnmount(() => {
    question += 1
    window.clearInterval(every)
    window.clearTimeout(settling)
    popup?.remove()
  })
  return { cells, points, domain, devices, loading, problem, cell, picked, popupBox, open, load }
}
