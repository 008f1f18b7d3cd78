/** Metrics with their names and units, as the products declare them. */
import type { Device, Metric } from '@/api/types'
import { useDirectory } from '@/stores/directory'
import { useWords } from './words'

const metrics_in_a_row_max = 3

export function useMetrics() {
  const directory = useDirectory()
  const { say, value } = useWords()

  function metrics(product: string): Record<string, Metric> {
    return directory.products.find((p) => p.product === product)?.metrics ?? {}
  }
  function withUnit(product: string, metric: string, v: unknown): string {
    const unit = say(metrics(product)[metric]?.unit_label)
    return unit ? `${value(v)} ${unit}` : value(v)
  }
  /** `水位 0.31 米 · 电量 87 %`. */
  function latest(device: Device): string {
    return Object.entries(device.latest ?? {})
      .slice(0, metrics_in_a_row_max)
      .map(([m, point]) => `${say(metrics(device.product)[m]?.label) || m} ${withUnit(device.product, m, point.value)}`)
      .join(' · ')
  }
  return { metrics, withUnit, latest }
}
