/** The shapes are fetched once for all maps of a visit. */
import type { Position } from 'geojson'
import { api } from '@/api'
import type { Shapes } from './style'

let districts: Promise<Shapes> | null = null
let streets: Promise<Shapes> | null = null

export function districtShapes(): Promise<Shapes> {
  districts ??= api.shapes('district').catch((error: unknown) => {
    districts = null
    throw error
  })
  return districts
}
export function streetShapes(): Promise<Shapes> {
  streets ??= api.shapes('street').catch((error: unknown) => {
    streets = null
    throw error
  })
  return streets
}

/** Where to write an area's name: the centroid of its largest ring; the largest area first. */
export function labelPoints(shapes: Shapes): { code: string; name_zh: string; name_en: string; at: [number, number] }[] {
  const labels = shapes.features.map((feature) => {
    const geometry = feature.geometry
    const rings: Position[][] =
      geometry.type === 'Polygon'
        ? [geometry.coordinates[0]]
        : geometry.type === 'MultiPolygon'
          ? geometry.coordinates.map((polygon) => polygon[0])
          : []
    let best: { area: number; at: [number, number] } = { area: 0, at: [0, 0] }
    for (const ring of rings) {
      let [area, x, y] = [0, 0, 0]
      for (let i = 0; i < ring.length - 1; i++) {
        const cross = ring[i][0] * ring[i + 1][1] - ring[i + 1][0] * ring[i][1]
        area += cross
        x += (ring[i][0] + ring[i + 1][0]) * cross
        y += (ring[i][1] + ring[i + 1][1]) * cross
      }
      if (Math.abs(area) > Math.abs(best.area)) best = { area, at: [x / (3 * area), y / (3 * area)] }
    }
    return { ...feature.properties, at: best.at, size: Math.abs(best.area) }
  })
  return labels.sort((a, b) => b.size - a.size)
}
