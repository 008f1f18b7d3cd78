/** Point layers in the colours of the tokens. */
import type { FeatureCollection, Point } from 'geojson'
import type { DataDrivenPropertyValueSpecification, ExpressionSpecification, GeoJSONSource, Map as MapLibre } from 'maplibre-gl'
import type { CasePoint } from '@/api/types'
import { token } from '@/design/tokens'

export const tones = ['good', 'notice', 'warning', 'danger', 'neutral'] as const

/** The colour of `property`, which holds a tone. */
export function toneColour(property: string): ExpressionSpecification {
  const pairs = tones.flatMap((tone) => [tone, token(`--${tone}`)])
  return ['match', ['get', property], ...pairs, token('--neutral')] as unknown as ExpressionSpecification
}
/** A case is late, waiting for a dispatcher, or under way. */
export function caseColour(): ExpressionSpecification {
  return ['case', ['==', ['get', 'overdue'], true], token('--danger'), ['==', ['get', 'status'], 'desk'], token('--warning'), token('--accent')]
}
/** Points grow with the zoom, so that the whole city is not a carpet. */
export const growing = (small: number, large: number): ExpressionSpecification => [
  'interpolate', ['linear'], ['zoom'], 8, small, 14, large,
]

export function setPoints(map: MapLibre, id: string, data: FeatureCollection<Point, unknown>, paint: {
  colour: DataDrivenPropertyValueSpecification<string>
  radius: ExpressionSpecification
  ring?: boolean
}): void {
  const source = map.getSource(id) as GeoJSONSource | undefined
  const points = data as FeatureCollection<Point, Record<string, unknown>>
  if (source) {
    source.setData(points)
    return
  }
  map.addSource(id, { type: 'geojson', data: points })
  map.addLayer({
    id,
    type: 'circle',
    source: id,
    paint: {
      'circle-color': paint.colour,
      'circle-radius': paint.radius,
      'circle-opacity': paint.ring ? 0.18 : 0.92,
      'circle-stroke-width': paint.ring ? 1.6 : 1,
      'circle-stroke-color': paint.ring ? paint.colour : token('--map-halo'),
      'circle-stroke-opacity': paint.ring ? 0.95 : 0.8,
    },
  })
}
export function recolourPoints(map: MapLibre, id: string, colour: DataDrivenPropertyValueSpecification<string>, ring = false): void {
  if (!map.getLayer(id)) return
  map.setPaintProperty(id, 'circle-color', colour)
  map.setPaintProperty(id, 'circle-stroke-color', ring ? colour : token('--map-halo'))
}
export function setCases(map: MapLibre, data: FeatureCollection<Point, CasePoint>): void {
  setPoints(map, 'cases', data, { colour: caseColour(), radius: growing(3.5, 8) })
}
