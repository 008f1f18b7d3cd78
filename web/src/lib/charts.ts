/** What our charts have in common: thin lines, tokens for colours, no decoration. */
import type { EChartsCoreOption } from 'echarts/core'
import { token } from '@/design/tokens'

export function axisText(): Record<string, unknown> {
  return { color: token('--ink-3'), fontSize: 11, fontFamily: token('--font') }
}
export function tooltip(): Record<string, unknown> {
  return {
    trigger: 'axis',
    confine: true,
    backgroundColor: token('--surface'),
    borderColor: token('--line-strong'),
    textStyle: { color: token('--ink'), fontSize: 12, fontFamily: token('--font') },
    axisPointer: { type: 'line', lineStyle: { color: token('--line-strong') } },
  }
}
const valueAxis = (): Record<string, unknown> => ({
  type: 'value',
  minInterval: 1,
  splitNumber: 3,
  axisLabel: axisText(),
  splitLine: { lineStyle: { color: token('--line'), type: 'dashed' } },
})

/** Two series over hours: what came (area), what was finished (line). */
export function openedClosed(
  hours: string[], opened: number[], closed: number[], names: [string, string],
): EChartsCoreOption {
  const [first, second] = [token('--chart-1'), token('--chart-2')]
  return {
    animationDuration: 400,
    grid: { left: 4, right: 10, top: 26, bottom: 2, containLabel: true },
    legend: { top: 0, right: 0, itemWidth: 10, itemHeight: 3, icon: 'rect', textStyle: axisText() },
    tooltip: tooltip(),
    xAxis: { type: 'category', data: hours, boundaryGap: false, axisTick: { show: false }, axisLine: { lineStyle: { color: token('--line-strong') } }, axisLabel: axisText() },
    yAxis: valueAxis(),
    series: [
      { name: names[0], type: 'line', data: opened, smooth: 0.25, showSymbol: false, lineStyle: { width: 2, color: first }, itemStyle: { color: first }, areaStyle: { color: first, opacity: 0.14 } },
      { name: names[1], type: 'line', data: closed, smooth: 0.25, showSymbol: false, lineStyle: { width: 2, color: second }, itemStyle: { color: second } },
    ],
  }
}

/** Horizontal bars, largest first; `late` is the part at the end of each bar. */
export function rankedBars(
  names: string[], inTime: number[], late: number[] | null, series: [string, string],
): EChartsCoreOption {
  const bar = (name: string, data: number[], colour: string, last: boolean): Record<string, unknown> => ({
    name, type: 'bar', stack: 'all', data, barMaxWidth: 10,
    itemStyle: { color: colour, borderRadius: last ? [0, 3, 3, 0] : 0 },
  })
  return {
    animationDuration: 400,
    grid: { left: 4, right: 30, top: 2, bottom: 2, containLabel: true },
    tooltip: { ...tooltip(), axisPointer: { type: 'shadow' } },
    xAxis: { ...valueAxis(), show: false },
    yAxis: { type: 'category', inverse: true, data: names, axisTick: { show: false }, axisLine: { show: false }, axisLabel: { ...axisText(), color: token('--ink-2'), width: 108, overflow: 'truncate' } },
    series: late
      ? [bar(series[0], inTime, token('--chart-1'), false), { ...bar(series[1], late, token('--danger'), true), label: sumLabel(inTime, late) }]
      : [{ ...bar(series[0], inTime, token('--chart-1'), true), label: sumLabel(inTime, null) }],
  }
}
function sumLabel(first: number[], second: number[] | null): Record<string, unknown> {
  return {
    show: true, position: 'right', ...axisText(), color: token('--ink-2'),
    formatter: (p: { dataIndex: number }) => String(first[p.dataIndex] + (second?.[p.dataIndex] ?? 0)),
  }
}

/** One metric over time. */
export function timeLine(points: [string, number][], name: string, unit: string, format: (iso: number) => string): EChartsCoreOption {
  const colour = token('--chart-1')
  return {
    animation: false,
    grid: { left: 8, right: 16, top: 34, bottom: 8, containLabel: true },
    tooltip: { ...tooltip(), valueFormatter: (v: unknown) => `${v} ${unit}` },
    xAxis: { type: 'time', axisLabel: { ...axisText(), hideOverlap: true, formatter: format }, axisLine: { lineStyle: { color: token('--line-strong') } }, splitLine: { show: false } },
    yAxis: { type: 'value', scale: true, name: unit, nameTextStyle: axisText(), axisLabel: axisText(), splitLine: { lineStyle: { color: token('--line'), type: 'dashed' } } },
    series: [{ name, type: 'line', data: points, showSymbol: points.length < 40, symbolSize: 4, sampling: 'lttb', lineStyle: { width: 1.8, color: colour }, itemStyle: { color: colour }, areaStyle: { color: colour, opacity: 0.1 } }],
  }
}

/** One to two lines over equal steps; a null is a gap. `value` writes a number as the axis and the tip show it. */
export function stepLines(
  times: readonly string[], lines: readonly { name: string; data: (number | null)[] }[], value: (n: number) => string, time: (ms: number) => string,
  axis: { scale?: boolean; max?: number } = {},
): EChartsCoreOption {
  const colours = [token('--chart-1'), token('--chart-2')]
  return {
    animation: false,
    grid: { left: 2, right: 12, top: lines.length > 1 ? 26 : 10, bottom: 2, containLabel: true },
    legend: { show: lines.length > 1, top: 0, right: 0, itemWidth: 10, itemHeight: 3, icon: 'rect', textStyle: axisText() },
    tooltip: { ...tooltip(), valueFormatter: (v: unknown) => (typeof v === 'number' ? value(v) : '—') },
    xAxis: { type: 'time', axisLabel: { ...axisText(), hideOverlap: true, formatter: time }, axisLine: { lineStyle: { color: token('--line-strong') } }, splitLine: { show: false } },
    yAxis: { type: 'value', ...axis, splitNumber: 3, axisLabel: axisText(), splitLine: { lineStyle: { color: token('--line'), type: 'dashed' } } },
    series: lines.map(({ name, data }, i) => ({
      name, type: 'line', data: data.map((n, step) => [times[step], n]), connectNulls: false, showSymbol: data.filter((n) => n !== null).length < 3, symbolSize: 5,
      lineStyle: { width: 1.8, color: colours[i] }, itemStyle: { color: colours[i] }, ...(i === 0 ? { areaStyle: { color: colours[i], opacity: 0.1 } } : {}),
    })),
  }
}
