/** Alarms that a rule would have opened, day by day; beside it those of the rule as it is. */
import type { EChartsCoreOption } from 'echarts/core'
import type { DryRun } from '@/api/rules'
import { token } from '@/design/tokens'
import { axisText, tooltip } from './charts'
import { day } from './time'

const day_ms = 86_400_000

/** Every day of the span, those without alarms too. */
export function daysOf(run: DryRun): string[] {
  const days: string[] = []
  const end = new Date(run.to).getTime()
  for (let at = new Date(run.from).getTime(); at <= end; at += day_ms) days.push(day(at))
  const last = day(end - 1)
  return [...new Set([...days, last])].filter((d) => d <= last)
}
export function perDay(runs: { name: string; run: DryRun }[]): EChartsCoreOption {
  const days = daysOf(runs[0].run)
  const colours = [token('--danger'), token('--chart-3')]
  return {
    animationDuration: 300,
    grid: { left: 4, right: 8, top: runs.length > 1 ? 26 : 10, bottom: 2, containLabel: true },
    ...(runs.length > 1 ? { legend: { top: 0, right: 0, itemWidth: 10, itemHeight: 8, textStyle: axisText() } } : {}),
    tooltip: { ...tooltip(), axisPointer: { type: 'shadow' } },
    xAxis: { type: 'category', data: days.map((d) => d.slice(5)), axisTick: { show: false }, axisLine: { lineStyle: { color: token('--line-strong') } }, axisLabel: { ...axisText(), hideOverlap: true } },
    yAxis: { type: 'value', minInterval: 1, splitNumber: 3, axisLabel: axisText(), splitLine: { lineStyle: { color: token('--line'), type: 'dashed' } } },
    series: runs.map(({ name, run }, i) => {
      const by = new Map(run.per_day.map(([d, n]) => [String(d), Number(n)]))
      return { name, type: 'bar', barMaxWidth: 26, itemStyle: { color: colours[i], borderRadius: [3, 3, 0, 0] }, data: days.map((d) => by.get(d) ?? 0) }
    }),
  }
}
