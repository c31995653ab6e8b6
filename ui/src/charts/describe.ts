import { formatCount, formatNumber } from '@/lib/format'
import type { ChartSettings, DrawnChart } from './model'

/** What a screen reader says in place of the picture. */
export function describeChart(key: string, chart: DrawnChart): string {
  if (chart.points === 0) return `${key}: no points`
  const lines = chart.lines.map((line) => {
    const at = line.raw.findLastIndex((value) => value !== null)
    const value = line.raw[at]
    if (value === null || value === undefined) return `${line.name}: no values`
    return `${line.name}: ${formatNumber(value)} at step ${line.steps[at]}`
  })
  return `Line chart of ${key}, ${formatCount(chart.points, 'point')}. ${lines.join('; ')}`
}

/** What is not the default, said where one looks. */
export function settingsHint(settings: ChartSettings, chart: DrawnChart): string {
  const parts: string[] = []
  if (chart.gaps > 0) parts.push(`${chart.gaps.toLocaleString('en-US')} not drawn`)
  if (settings.x === 'relative') parts.push('relative')
  if (settings.x === 'wall') parts.push('wall time')
  if (settings.log) parts.push('log')
  if (settings.smoothing > 0) parts.push(`smooth ${settings.smoothing}`)
  if (settings.clip) parts.push('clipped')
  return parts.join(' · ')
}
