/** Our own map: sea, land, districts, streets. It asks nobody for tiles, sprites or glyphs. */
import type { FeatureCollection, Geometry } from 'geojson'
import type { StyleSpecification } from 'maplibre-gl'
import { token } from '@/design/tokens'

export type Shapes = FeatureCollection<Geometry, { code: string; name_zh: string; name_en: string }>
const nothing: FeatureCollection = { type: 'FeatureCollection', features: [] }
/** Streets are lines of orientation: they appear once a district fills the view. */
const streets_from_zoom = 10.2

export function cityStyle(districts: Shapes | null): StyleSpecification {
  return {
    version: 8,
    sources: {
      districts: { type: 'geojson', data: districts ?? nothing },
      streets: { type: 'geojson', data: nothing },
    },
    layers: [
      { id: 'sea', type: 'background', paint: { 'background-color': token('--map-sea') } },
      {
        id: 'shore',
        type: 'line',
        source: 'districts',
        layout: { 'line-join': 'round' },
        paint: { 'line-color': token('--map-line'), 'line-width': 10, 'line-blur': 10, 'line-opacity': 0.35 },
      },
      { id: 'land', type: 'fill', source: 'districts', paint: { 'fill-color': token('--map-land') } },
      {
        id: 'land-hover',
        type: 'fill',
        source: 'districts',
        filter: ['==', ['get', 'code'], ''],
        paint: { 'fill-color': token('--map-land-2') },
      },
      {
        id: 'streets',
        type: 'line',
        source: 'streets',
        minzoom: streets_from_zoom,
        paint: { 'line-color': token('--map-line-2'), 'line-width': 1 },
      },
      {
        id: 'districts',
        type: 'line',
        source: 'districts',
        layout: { 'line-join': 'round' },
        paint: {
          'line-color': token('--map-line'),
          'line-width': ['interpolate', ['linear'], ['zoom'], 7, 0.8, 12, 1.6],
        },
      },
    ],
  }
}

/** Give the layers the colours of the present theme. */
export const basePaint: [layer: string, property: string, tokenName: string][] = [
  ['sea', 'background-color', '--map-sea'],
  ['shore', 'line-color', '--map-line'],
  ['land', 'fill-color', '--map-land'],
  ['land-hover', 'fill-color', '--map-land-2'],
  ['streets', 'line-color', '--map-line-2'],
  ['districts', 'line-color', '--map-line'],
]
