/** The chart of a device: one or two metrics over time, with gaps, band, forecast, alarm lines and alarms. */
import type { EChartsCoreOption } from 'echarts/core'
import type { Forecast } from '@/api/devices'
import { token } from '@/design/tokens'
import { axisText, tooltip } from './charts'

export type Point = [number, number | null]
export interface Line {
  metric: string
  name: string
  unit: string
  points: Point[]
  /** Least and most of each bucket, where the points are means. */
  low: Point[] | null
  high: Point[] | null
  stepped: boolean
}
export interface Bound {
  value: number
  label: string
  severity: string
}
export interface Incident {
  from: number
  to: number
  label: string
  severity: string
}
export interface ChartInput {
  lines: Line[]
  forecast: Forecast['points']
  forecastName: string
  bandName: string
  bounds: Bound[]
  incidents: Incident[]
  from: number
  to: number
  time: (ms: number) => string
  moment: (ms: number) => string
}

/** How much of the readings' own height alarm lines may add to the axis. */
const stretch_max = 1.6

const severityTone = (severity: string): string =>
  token(severity === 'severe' || severity === 'extreme' ? '--danger' : severity === 'moderate' ? '--warning' : '--neutral')

/** A line broken where more than two and a half reports are missing: silence is not a slope. */
export function withGaps(points: Point[], interval_ms: number): Point[] {
  const out: Point[] = []
  for (const point of points) {
    const before = out[out.length - 1]
    if (before && point[0] - before[0] > interval_ms * 2.5) out.push([before[0] + 1, null])
    out.push(point)
  }
  return out
}

/** Least and most of what is drawn on the first axis, alarm lines included that are near enough. */
export function extent(input: Pick<ChartInput, 'lines' | 'forecast' | 'bounds'>): { min: number; max: number; shown: Bound[]; away: Bound[] } | null {
  const first = input.lines[0]
  const values = [first?.points, first?.low, first?.high].flatMap((list) => (list ?? []).map((p) => p[1])).filter((v): v is number => v !== null)
  for (const [, value, low, high] of input.forecast) values.push(value, low, high)
  if (!values.length) return null
  let min = values.reduce((a, b) => Math.min(a, b))
  let max = values.reduce((a, b) => Math.max(a, b))
  const height = max - min || Math.abs(max) || 1
  const near = (b: Bound): boolean => b.value >= min - height * stretch_max && b.value <= max + height * stretch_max
  const shown = input.bounds.filter(near)
  const away = input.bounds.filter((b) => !near(b))
  for (const bound of shown) [min, max] = [Math.min(min, bound.value), Math.max(max, bound.value)]
  const air = (max - min || Math.abs(max) || 1) * 0.06
  return { min: min >= 0 && min - air < 0 ? 0 : min - air, max: max + air, shown, away }
}

function band(name: string, low: Point[], high: Point[], colour: string, id: string): Record<string, unknown>[] {
  const shape = { type: 'line', stack: id, stackStrategy: 'all', symbol: 'none', lineStyle: { opacity: 0 }, silent: true, tooltip: { show: false }, emphasis: { disabled: true } }
  const height = high.map(([ms, v], i): Point => [ms, v === null || low[i][1] === null ? null : v - low[i][1]])
  return [
    { ...shape, id: `${id}-low`, data: low },
    { ...shape, id: `${id}-high`, name, data: height, areaStyle: { color: colour, opacity: 0.16 } },
  ]
}

function axis(line: Line, right: boolean, range: { min: number; max: number } | null): Record<string, unknown> {
  return {
    type: 'value', scale: true, position: right ? 'right' : 'left', name: line.unit, nameTextStyle: { ...axisText(), align: right ? 'right' : 'left' },
    ...(range ?? {}), axisLabel: { ...axisText(), showMinLabel: range === null || range.min === 0, showMaxLabel: false, formatter: (v: number) => String(Number(v.toPrecision(4))) },
    splitLine: { show: !right, lineStyle: { color: token('--line'), type: 'dashed' } },
  }
}

export function deviceChart(input: ChartInput): EChartsCoreOption {
  const range = extent(input)
  const colours = [token('--chart-1'), token('--chart-2')]
  const series: Record<string, unknown>[] = []
  input.lines.forEach((line, i) => {
    if (line.low && line.high && i === 0) series.push(...band(input.bandName, line.low, line.high, colours[i], 'spread'))
    series.push({
      id: line.metric, name: line.name, type: 'line', data: line.points, yAxisIndex: i, connectNulls: false, step: line.stepped ? 'end' : false,
      showSymbol: line.points.length < 60, symbol: 'circle', symbolSize: 4, lineStyle: { width: 1.8, color: colours[i] }, itemStyle: { color: colours[i] },
      tooltip: { valueFormatter: (v: unknown) => (v === null || v === undefined ? '—' : `${Math.round(Number(v) * 1000) / 1000} ${line.unit}`) },
      ...(i === 0 ? marks(input, range?.shown ?? []) : {}),
    })
  })
  if (input.forecast.length) {
    const at = (which: 1 | 2 | 3): Point[] => input.forecast.map((p) => [Date.parse(p[0]), p[which]])
    const unit = input.lines[0]?.unit ?? ''
    series.push(...band(input.forecastName, at(2), at(3), colours[0], 'forecast'))
    series.push({ id: 'ahead', name: input.forecastName, type: 'line', data: at(1), showSymbol: false, lineStyle: { width: 1.4, type: 'dashed', color: colours[0] }, itemStyle: { color: colours[0] }, tooltip: { valueFormatter: (v: unknown) => `${Math.round(Number(v) * 1000) / 1000} ${unit}` } })
  }
  const two = input.lines.length > 1
  return {
    animation: false,
    grid: { left: 6, right: two ? 6 : 18, top: 30, bottom: 4, containLabel: true },
    legend: { show: two, top: 0, itemWidth: 12, itemHeight: 3, icon: 'rect', textStyle: axisText(), data: input.lines.map((line) => line.name) },
    tooltip: { ...tooltip(), axisPointer: { type: 'line', lineStyle: { color: token('--line-strong') }, label: { show: false } } },
    xAxis: {
      type: 'time', min: input.from, max: input.to, axisLine: { lineStyle: { color: token('--line-strong') } }, splitLine: { show: false },
      axisLabel: { ...axisText(), hideOverlap: true, formatter: input.time },
      axisPointer: { label: { formatter: (p: { value: number }) => input.moment(p.value) } },
    },
    yAxis: input.lines.map((line, i) => axis(line, i === 1, i === 0 && range ? { min: range.min, max: range.max } : null)),
    series,
  }
}

function marks(input: ChartInput, bounds: Bound[]): Record<string, unknown> {
  return {
    markLine: {
      silent: true, symbol: 'none',
      data: bounds.map((bound) => ({
        yAxis: bound.value, lineStyle: { color: severityTone(bound.severity), type: 'dashed', width: 1 },
        label: { formatter: bound.label, position: 'insideStartTop', color: severityTone(bound.severity), fontSize: 11, fontFamily: token('--font') },
      })),
    },
    markArea: {
      silent: true,
      data: input.incidents.map((one) => [
        { xAxis: Math.max(one.from, input.from), itemStyle: { color: severityTone(one.severity), opacity: 0.1 } },
        { xAxis: Math.min(one.to, input.to) },
      ]),
    },
  }
}
