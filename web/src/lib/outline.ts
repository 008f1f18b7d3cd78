/** The city's districts as SVG paths: a picture of the place that needs no map library. */
import type { FeatureCollection, Geometry, Position } from 'geojson'

export interface Outline {
  code: string
  name_zh: string
  name_en: string
  path: string
}
/** Rings smaller than this share of the picture are islets of a pixel or two. */
const ring_min_px = 4

function rings(geometry: Geometry): Position[][] {
  if (geometry.type === 'Polygon') return geometry.coordinates
  if (geometry.type === 'MultiPolygon') return geometry.coordinates.flat()
  return []
}

/** Fit the shapes into `width` px; longitudes are shortened by the cosine of the middle latitude. */
export function outlines(
  shapes: FeatureCollection<Geometry, { code: string; name_zh: string; name_en: string }>,
  width: number,
): { width: number; height: number; areas: Outline[] } {
  let [west, south, east, north] = [180, 90, -180, -90]
  for (const feature of shapes.features)
    for (const ring of rings(feature.geometry))
      for (const [x, y] of ring) {
        west = Math.min(west, x)
        east = Math.max(east, x)
        south = Math.min(south, y)
        north = Math.max(north, y)
      }
  const shrink = Math.cos((((south + north) / 2) * Math.PI) / 180)
  const scale = width / ((east - west) * shrink || 1)
  const height = Math.ceil((north - south) * scale)
  const areas = shapes.features.map((feature) => {
    const parts: string[] = []
    for (const ring of rings(feature.geometry)) {
      const points: [number, number][] = []
      for (const [x, y] of ring) {
        const px = (x - west) * shrink * scale
        const py = (north - y) * scale
        const last = points.at(-1)
        if (!last || Math.abs(last[0] - px) + Math.abs(last[1] - py) > 0.8) points.push([px, py])
      }
      if (points.length < ring_min_px) continue
      parts.push(`M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join('L')}Z`)
    }
    return { ...feature.properties, path: parts.join('') }
  })
  return { width, height, areas }
}
