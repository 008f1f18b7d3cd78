/** Charts of evaluation. */
import type { EChartsCoreOption } from 'echarts/core'
import type { Follows, Process, Trend } from '@/api/evaluation'
import { token } from '@/design/tokens'
import { axisText, tooltip } from '@/lib/charts'

/** A number over steps, with its target as a dashed line. */
export function trendChart(trend: Trend, name: string, value: (n: number) => string, target: string): EChartsCoreOption {
  const colour = token('--chart-1')
  const line = trend.target === null ? undefined : {
    silent: true, symbol: 'none', lineStyle: { color: token('--ink-3'), type: 'dashed', width: 1 },
    label: { formatter: target, position: 'insideEndTop', ...axisText() }, data: [{ yAxis: trend.target }],
  }
  return {
    animationDuration: 300,
    grid: { left: 4, right: 16, top: 18, bottom: 2, containLabel: true },
    tooltip: { ...tooltip(), valueFormatter: (v: unknown) => (typeof v === 'number' ? value(v) : '—') },
    xAxis: { type: 'category', data: trend.points.map((p) => p.period), boundaryGap: false, axisTick: { show: false }, axisLine: { lineStyle: { color: token('--line-strong') } }, axisLabel: { ...axisText(), hideOverlap: true } },
    yAxis: { type: 'value', scale: true, splitNumber: 3, axisLabel: { ...axisText(), formatter: value }, splitLine: { lineStyle: { color: token('--line'), type: 'dashed' } } },
    series: [{ name, type: 'line', data: trend.points.map((p) => p.value), connectNulls: false, showSymbol: trend.points.length < 40, symbolSize: 5, lineStyle: { width: 2, color: colour }, itemStyle: { color: colour }, areaStyle: { color: colour, opacity: 0.08 }, ...(line ? { markLine: line } : {}) }],
  }
}

export const links_drawn_max = 40
const [column, row] = [190, 74]

/** Columns by the mean place of an activity in its variants; within a column the frequent first. */
function places(process: Process): Map<string, [number, number]> {
  const sums = new Map<string, [number, number]>()
  for (const variant of process.variants) {
    const seen = new Set<string>()
    variant.activities.forEach((name, n) => {
      if (seen.has(name)) return
      seen.add(name)
      const [total, cases] = sums.get(name) ?? [0, 0]
      sums.set(name, [total + n * variant.cases, cases + variant.cases])
    })
  }
  const ranked = process.activities.map((a) => ({ name: a.name, at: (sums.get(a.name)?.[0] ?? 0) / (sums.get(a.name)?.[1] || 1) }))
  const used = new Map<number, number>()
  const found = new Map<string, [number, number]>()
  for (const { name, at } of ranked) {
    const x = Math.round(at)
    const y = used.get(x) ?? 0
    used.set(x, y + 1)
    // Alternating above and below keeps the main path on one line.
    found.set(name, [x * column, (y % 2 ? -1 : 1) * Math.ceil(y / 2) * row])
  }
  return found
}

/** What follows what: boxes by how often, links by count or by time. */
export function followsGraph(
  process: Process, label: (name: string) => string, byTime: boolean, words: (link: Follows) => string, short: (link: Follows) => string,
): EChartsCoreOption {
  const at = places(process)
  const links = [...process.follows].sort((a, b) => (byTime ? b.total_h - a.total_h : b.events - a.events)).slice(0, links_drawn_max)
  const weight = (link: Follows): number => (byTime ? link.total_h : link.events)
  const top = Math.max(1, ...links.map(weight))
  const most = Math.max(1, ...process.activities.map((a) => a.events))
  return {
    animation: false,
    tooltip: {
      ...tooltip(), trigger: 'item',
      formatter: (p: { dataType: string; data: { words: string } }) => p.data.words,
    },
    series: [{
      type: 'graph', layout: 'none', roam: true, left: 70, right: 70, top: 40, bottom: 40,
      edgeSymbol: ['none', 'arrow'], edgeSymbolSize: 7,
      label: { show: true, color: token('--ink'), fontSize: 11, fontFamily: token('--font'), width: 118, overflow: 'truncate', formatter: (p: { data: { title: string } }) => p.data.title },
      data: process.activities.map((a) => ({
        name: a.name, title: `${label(a.name)}\n${a.events}`, words: `${label(a.name)} · ${a.events}`,
        x: at.get(a.name)?.[0] ?? 0, y: at.get(a.name)?.[1] ?? 0,
        symbol: 'roundRect', symbolSize: [126, 38],
        itemStyle: { color: token('--surface'), borderColor: token('--accent'), borderWidth: 1 + 2.4 * (a.events / most) },
      })),
      links: links.map((link) => ({
        source: link.source, target: link.target, words: words(link),
        lineStyle: { width: 1 + 6 * (weight(link) / top), color: token(byTime ? '--warning' : '--chart-1'), opacity: 0.35 + 0.6 * (weight(link) / top), curveness: link.source === link.target ? 0.6 : 0.18 },
        label: { show: weight(link) / top > 0.06, formatter: short(link), color: token('--ink-2'), fontSize: 10, fontFamily: token('--font') },
      })),
    }],
  }
}
