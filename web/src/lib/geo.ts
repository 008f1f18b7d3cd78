/** Distances, and the coordinates that Chinese map services want. */

const earth_m = 6_371_008.8
const rad = (degrees: number): number => (degrees * Math.PI) / 180

/** Between two places as [longitude, latitude] in degrees, in whole metres (haversine). */
export function metresBetween(a: readonly [number, number], b: readonly [number, number]): number {
  const [dlon, dlat] = [rad(b[0] - a[0]), rad(b[1] - a[1])]
  const h = Math.sin(dlat / 2) ** 2 + Math.cos(rad(a[1])) * Math.cos(rad(b[1])) * Math.sin(dlon / 2) ** 2
  return Math.round(2 * earth_m * Math.asin(Math.min(1, Math.sqrt(h))))
}
