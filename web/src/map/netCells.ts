/** H3 cells and devices of the net as map features, and the colours that they are drawn in. */
import type { Feature, FeatureCollection, Point, Polygon } from 'geojson'
import type { ExpressionSpecification } from 'maplibre-gl'
import type { Box, Cells, LiveDevice } from '@/api/net'
import { token } from '@/design/tokens'

/** Mean edge of an H3 cell by resolution, metres (h3geo.org, table of cell statistics). */
const edge_m: Record<number, number> = { 4: 26072, 5: 9854, 6: 3725, 7: 1406, 8: 531, 9: 201, 10: 76, 11: 29, 12: 11 }
const coarsest = 4
const finest = 12
/** A cell smaller than this cannot be hit with a thumb. */
const edge_px_min = 11
const metres_per_pixel_at_zoom_0 = 78_271.5
const metres_per_degree = 111_320
/** Means outside these shares of the cells take the colour of the end: one odd cell must not bleach the rest. */
const domain_share = 0.05

export interface CellFacts {
  index: number
  devices: number
  online: number
  n: number
  mean: number | null
  minimum: number | null
  maximum: number | null
  /** What it is coloured by, 0 to 1; absent without a value. */
  shade?: number
}
export interface PointFacts {
  device: string
  state: string
  shade?: number
}
export interface Domain {
  low: number
  high: number
}

/** The finest resolution whose cells can be seen and hit at a zoom. */
export function resolutionAt(zoom: number, latitude: number): number {
  const metres = (metres_per_pixel_at_zoom_0 * Math.cos((latitude * Math.PI) / 180)) / 2 ** zoom
  let found = coarsest
  for (let r = coarsest; r <= finest; r++) if (edge_m[r] / metres >= edge_px_min) found = r
  return found
}
/** A box grown by a cell on every side, so that the cells at its rim are counted whole. */
export function grown([west, south, east, north]: Box, resolution: number): Box {
  const up = (2 * edge_m[resolution]) / metres_per_degree
  const aside = up / Math.cos((((south + north) / 2) * Math.PI) / 180)
  return [Math.max(-180, west - aside), Math.max(-90, south - up), Math.min(180, east + aside), Math.min(90, north + up)]
}
/** From the lowest to the highest mean, without the few at each end. */
export function domainOf(values: readonly (number | null)[]): Domain | null {
  const sorted = values.filter((v): v is number => v !== null).sort((a, b) => a - b)
  if (!sorted.length) return null
  const cut = Math.floor(sorted.length * domain_share)
  return { low: sorted[cut], high: sorted[sorted.length - 1 - cut] }
}
function within(value: number, { low, high }: Domain): number {
  return high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0.5
}
export function cellFeatures(cells: Cells, domain: Domain | null): FeatureCollection<Polygon, CellFacts> {
  const features = cells.cell.map((_, i): Feature<Polygon, CellFacts> => {
    const ring = (cells.boundary?.[i] ?? []) as [number, number][]
    const mean = cells.mean[i]
    const facts: CellFacts = { index: i, devices: cells.devices[i], online: cells.online[i], n: cells.n[i], mean, minimum: cells.minimum[i], maximum: cells.maximum[i] }
    // Share online: few is the orange end, as much is of a metric.
    if (!cells.metric) facts.shade = 1 - facts.online / (facts.devices || 1)
    else if (mean !== null && domain) facts.shade = within(mean, domain)
    return { type: 'Feature', geometry: { type: 'Polygon', coordinates: [[...ring, ring[0]]] }, properties: facts }
  })
  return { type: 'FeatureCollection', features }
}
export function pointFeatures(devices: readonly LiveDevice[], metric: string | null, domain: Domain | null): FeatureCollection<Point, PointFacts> {
  const features = devices.flatMap((device): Feature<Point, PointFacts>[] => {
    if (device.lon === null || device.lat === null) return []
    const facts: PointFacts = { device: device.device, state: device.state }
    const value: unknown = metric ? device.latest[metric]?.value : null
    if (!metric) facts.shade = device.state === 'online' ? 0 : 1
    else if (typeof value === 'number' && domain) facts.shade = within(value, domain)
    return [{ type: 'Feature', geometry: { type: 'Point', coordinates: [device.lon, device.lat] }, properties: facts }]
  })
  return { type: 'FeatureCollection', features }
}
/** The ramp from blue over a pale middle to orange, which also who sees no red or green can read. */
export function ramp(): [string, string, string] {
  return [token('--chart-1'), token('--chart-mid'), token('--chart-2')]
}
export function shadeColour(): ExpressionSpecification {
  const [low, mid, high] = ramp()
  return ['case', ['has', 'shade'], ['interpolate', ['linear'], ['get', 'shade'], 0, low, 0.5, mid, 1, high], token('--chart-3')]
}
