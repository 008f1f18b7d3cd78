/** A metric with the bounds of a rule as lines and alarms as shaded spans. */
import type { EChartsCoreOption } from 'echarts/core'
import { token } from '@/design/tokens'
import { axisText, tooltip } from './charts'

export interface Bound {
  value: number
  label: string
  /** The bound that opens is drawn whole, the one that clears dashed. */
  opens: boolean
}
export interface Shade {
  from: string
  to: string
}
export interface AlarmChart {
  points: [string, number | null][]
  name: string
  unit: string
  bounds: Bound[]
  shades: Shade[]
  shadeName: string
  /** The axis begins and ends here, though readings may not. */
  from: string
  to: string
  format: (ms: number) => string
}

export function alarmChart(c: AlarmChart): EChartsCoreOption {
  const [line, danger] = [token('--chart-1'), token('--danger')]
  const values = c.points.flatMap(([, v]) => (v === null ? [] : [v]))
  // Bounds belong into the picture though readings stay far from them.
  const all = [...values, ...c.bounds.map((b) => b.value)]
  const [low, high] = [Math.min(...all), Math.max(...all)]
  const room = (high - low || Math.abs(high) || 1) * 0.08
  const digits = 6
  return {
    animation: false,
    grid: { left: 8, right: 16, top: 28, bottom: 4, containLabel: true },
    tooltip: { ...tooltip(), valueFormatter: (v: unknown) => (v === null || v === undefined ? '—' : `${Number(Number(v).toPrecision(digits))} ${c.unit}`) },
    xAxis: {
      type: 'time', min: c.from, max: c.to,
      axisLabel: { ...axisText(), hideOverlap: true, formatter: c.format },
      axisLine: { lineStyle: { color: token('--line-strong') } }, splitLine: { show: false },
    },
    yAxis: {
      type: 'value', scale: true, name: c.unit, nameTextStyle: { ...axisText(), align: 'left' },
      ...(all.length ? { min: Number((low - room).toPrecision(3)), max: Number((high + room).toPrecision(3)) } : {}),
      axisLabel: { ...axisText(), showMinLabel: false, showMaxLabel: false }, splitLine: { lineStyle: { color: token('--line'), type: 'dashed' } },
    },
    series: [
      {
        name: c.name, type: 'line', data: c.points, showSymbol: values.length < 40, symbolSize: 4, connectNulls: true,
        lineStyle: { width: 1.8, color: line }, itemStyle: { color: line },
        markLine: {
          silent: true, symbol: 'none', animation: false,
          data: c.bounds.map((b) => ({
            yAxis: b.value,
            lineStyle: { color: b.opens ? danger : token('--good'), type: b.opens ? 'solid' : 'dashed', width: 1.2 },
            label: { show: true, position: 'insideEndTop', formatter: b.label, color: b.opens ? danger : token('--good'), fontSize: 11, fontFamily: token('--font') },
          })),
        },
        markArea: {
          silent: true, animation: false, itemStyle: { color: danger, opacity: 0.12 },
          label: { show: false },
          data: c.shades.map((s) => [{ name: c.shadeName, xAxis: s.from }, { xAxis: s.to }]),
        },
      },
    ],
  }
}
