/** Distances, and the coordinates that Chinese map services want. */

const earth_m = 6_371_008.8
const rad = (degrees: number): number => (degrees * Math.PI) / 180

/** Between two places as [longitude, latitude] in degrees, in whole metres (haversine). */
export function metresBetween(a: readonly [number, number], b: readonly [number, number]): number {
  const [dlon, dlat] = [rad(b[0] - a[0]), rad(b[1] - a[1])]
  const h = Math.sin(dlat / 2) ** 2 + Math.cos(rad(a[1])) * Math.cos(rad(b[1])) * Math.sin(dlon / 2) ** 2
  return Math.round(2 * earth_m * Math.asin(Math.min(1, Math.sqrt(h))))
}

/** Krasovsky 1940 and its eccentricity, as GCJ-02 takes them. */
const gcj_axis_m = 6_378_245
const gcj_e2 = 0.006_693_421_622_965_943

/** Outside this box of China's mainland maps are not shifted. */
const shifted = (lon: number, lat: number): boolean => lon > 72.004 && lon < 137.8347 && lat > 0.8293 && lat < 55.8271

function shiftLat(x: number, y: number): number {
  const wave = 20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)
  const own = 20 * Math.sin(y * Math.PI) + 40 * Math.sin((y / 3) * Math.PI) + 160 * Math.sin((y / 12) * Math.PI) + 320 * Math.sin((y * Math.PI) / 30)
  return -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * Math.sqrt(Math.abs(x)) + ((wave + own) * 2) / 3
}
function shiftLon(x: number, y: number): number {
  const wave = 20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)
  const own = 20 * Math.sin(x * Math.PI) + 40 * Math.sin((x / 3) * Math.PI) + 150 * Math.sin((x / 12) * Math.PI) + 300 * Math.sin((x / 30) * Math.PI)
  return 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * Math.sqrt(Math.abs(x)) + ((wave + own) * 2) / 3
}
/** WGS 84 in degrees as GCJ-02 (火星坐标), which Chinese maps draw by; unchanged outside China. */
export function gcj02(lon: number, lat: number): { lon: number; lat: number } {
  if (!shifted(lon, lat)) return { lon, lat }
  const [x, y] = [lon - 105, lat - 35]
  const phi = rad(lat)
  const magic = 1 - gcj_e2 * Math.sin(phi) ** 2
  const dlat = (shiftLat(x, y) * 180) / (((gcj_axis_m * (1 - gcj_e2)) / (magic * Math.sqrt(magic))) * Math.PI)
  const dlon = (shiftLon(x, y) * 180) / ((gcj_axis_m / Math.sqrt(magic)) * Math.cos(phi) * Math.PI)
  return { lon: lon + dlon, lat: lat + dlat }
}

export interface RouteLink {
  key: 'amap' | 'apple' | 'baidu' | 'system'
  href: string
  /** What the link's coordinates are in. */
  system: 'GCJ-02' | 'WGS 84'
}
/** Links that lead there in the map of the phone: each in the coordinates which that map wants. */
export function routeLinks(lon: number, lat: number, name: string): RouteLink[] {
  const china = gcj02(lon, lat)
  const at = (p: { lon: number; lat: number }, first: 'lon' | 'lat'): string =>
    first === 'lon' ? `${p.lon.toFixed(6)},${p.lat.toFixed(6)}` : `${p.lat.toFixed(6)},${p.lon.toFixed(6)}`
  const label = encodeURIComponent(name)
  return [
    { key: 'amap', href: `https://uri.amap.com/navigation?to=${at(china, 'lon')},${label}&mode=car&coordinate=gaode&callnative=1`, system: 'GCJ-02' },
    { key: 'baidu', href: `https://api.map.baidu.com/direction?destination=name:${label}|latlng:${at(china, 'lat')}&coord_type=gcj02&mode=driving&output=html&src=yunnao`, system: 'GCJ-02' },
    { key: 'apple', href: `https://maps.apple.com/?daddr=${at(china, 'lat')}&q=${label}`, system: 'GCJ-02' },
    // RFC 5870: a geo URI is WGS 84 unless it says otherwise.
    { key: 'system', href: `geo:${at({ lon, lat }, 'lat')}?q=${at({ lon, lat }, 'lat')}(${label})`, system: 'WGS 84' },
  ]
}
