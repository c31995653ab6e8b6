/** From series and settings to what a chart draws. Pure: no canvas, no Vue. */
import type { SeriesData } from './series'

export type XMode = 'step' | 'relative' | 'wall'

export interface ChartSettings {
  x: XMode
  log: boolean
  /** 0 is off, 0.99 is nearly flat. */
  smoothing: number
  clip: boolean
}

export const DEFAULT_SETTINGS: ChartSettings = { x: 'step', log: false, smoothing: 0, clip: false }

/** A run that is drawn, on every chart of a page. */
export interface ChartRun {
  id: string
  name: string
  slot: number
  startedAt: number | undefined
  running: boolean
}

export interface Line {
  id: string
  name: string
  /** Place in the palette; the same for the same run everywhere. */
  slot: number
  startedAt?: number | undefined
  data: SeriesData | undefined
}

export interface DrawnLine {
  id: string
  name: string
  slot: number
  xs: number[]
  /** undefined never occurs here; null is a gap (NaN, infinite, or no logarithm). */
  raw: (number | null)[]
  smooth: (number | null)[]
  steps: number[]
}

export interface DrawnChart {
  lines: DrawnLine[]
  points: number
  gaps: number
  lastStep: number | undefined
  xMin: number | undefined
  xMax: number | undefined
}

/** Exponential average without the pull towards zero at the start; gaps are passed over. */
export function smooth(values: readonly (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0) return [...values]
  let sum = 0
  let count = 0
  return values.map((value) => {
    if (value === null) return null
    sum = sum * weight + (1 - weight) * value
    count += 1
    return sum / (1 - weight ** count)
  })
}

function drawLine(line: Line, settings: ChartSettings): DrawnLine & { gaps: number } {
  const { data } = line
  const drawn = { id: line.id, name: line.name, slot: line.slot, gaps: 0 }
  if (!data) return { ...drawn, xs: [], raw: [], smooth: [], steps: [] }
  const origin = line.startedAt ?? Math.min(...data.timestamps.slice(0, 1))
  const rows: [x: number, value: number, step: number][] = data.steps.map((step, i) => {
    const time = data.timestamps[i] ?? 0
    const value = data.values[i] ?? Number.NaN
    if (settings.x === 'step') return [step, value, step]
    return [settings.x === 'wall' ? time / 1000 : (time - origin) / 1000, value, step]
  })
  if (settings.x !== 'step') rows.sort((a, b) => a[0] - b[0])
  // One x draws one point: the newest there wins, as it does for the run's last value.
  const kept = rows.filter((row, i) => rows[i + 1]?.[0] !== row[0])
  const raw = kept.map(([, value]) =>
    Number.isFinite(value) && !(settings.log && value <= 0) ? value : null,
  )
  return {
    ...drawn,
    xs: kept.map((row) => row[0]),
    raw,
    smooth: smooth(raw, settings.smoothing),
    steps: kept.map((row) => row[2]),
    gaps: raw.filter((value) => value === null).length,
  }
}

export function drawChart(lines: readonly Line[], settings: ChartSettings): DrawnChart {
  const drawn = lines.map((line) => drawLine(line, settings))
  const ends = drawn.flatMap(({ xs }) => (xs.length ? [xs[0] ?? 0, xs.at(-1) ?? 0] : []))
  const lasts = lines.flatMap(({ data }) => data?.steps.at(-1) ?? [])
  const gaps = drawn.reduce((sum, line) => sum + line.gaps, 0)
  return {
    lines: drawn,
    points: drawn.reduce((sum, line) => sum + line.xs.length, 0) - gaps,
    gaps,
    lastStep: lasts.length ? Math.max(...lasts) : undefined,
    xMin: ends.length ? Math.min(...ends) : undefined,
    xMax: ends.length ? Math.max(...ends) : undefined,
  }
}

type Column = (number | null | undefined)[]

/**
 * One x axis for all lines. A null is a gap in a line; an undefined only means that this
 * line has nothing at another line's x, and is drawn across.
 */
export function align(chart: DrawnChart, withSmooth: boolean): [number[], ...Column[]] {
  const all = new Set<number>()
  for (const line of chart.lines) for (const x of line.xs) all.add(x)
  const xs = [...all].sort((a, b) => a - b)
  const place = new Map(xs.map((x, i) => [x, i]))
  const columns = chart.lines.flatMap((line) => {
    const spread = (values: readonly (number | null)[]): Column => {
      const column: Column = new Array<undefined>(xs.length).fill(undefined)
      line.xs.forEach((x, i) => (column[place.get(x) ?? 0] = values[i]))
      return column
    }
    return withSmooth ? [spread(line.raw), spread(line.smooth)] : [spread(line.raw)]
  })
  return [xs, ...columns]
}

/** Index of the point of `xs` nearest to `x`. */
export function nearest(xs: readonly number[], x: number): number {
  if (xs.length === 0) return -1
  let low = 0
  let high = xs.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((xs[middle] ?? 0) < x) low = middle + 1
    else high = middle
  }
  const before = low - 1
  if (before >= 0 && x - (xs[before] ?? 0) <= (xs[low] ?? 0) - x) return before
  return low
}

/** The range that holds all but the outer two per cent on either side. */
export function clippedRange(values: readonly number[]): [number, number] | undefined {
  if (values.length < 20) return undefined
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0
  const [low, high] = [at(0.02), at(0.98)]
  return high > low ? [low, high] : undefined
}

export interface KeyGroup {
  name: string
  keys: string[]
}

/** `train/loss` and `train/acc` belong together; keys without a prefix come first. */
export function groupKeys(keys: readonly string[]): KeyGroup[] {
  const groups = new Map<string, string[]>()
  for (const key of [...keys].sort(byName)) {
    const slash = key.indexOf('/')
    const name = slash > 0 ? key.slice(0, slash) : ''
    const group = groups.get(name)
    if (group) group.push(key)
    else groups.set(name, [key])
  }
  const loose = groups.get('') ?? []
  for (const [name, members] of groups) {
    // A group of one would only cost a line.
    if (name === '' || members.length > 1) continue
    groups.delete(name)
    loose.push(...members)
  }
  if (loose.length > 0) groups.set('', loose.sort(byName))
  return [...groups]
    .map(([name, members]) => ({ name, keys: members }))
    .sort((a, b) => Number(isSystem(a)) - Number(isSystem(b)) || a.name.localeCompare(b.name, 'en'))
}

const byName = (a: string, b: string) => a.localeCompare(b, 'en', { numeric: true })
const isSystem = (group: KeyGroup) => group.name === 'system'

/** Zoom ranges in the URL: `loss:10:200`, one per chart. */
export interface Range {
  min: number
  max: number
}

export function encodeZoom(zooms: ReadonlyMap<string, Range>): string {
  return [...zooms]
    .map(([key, { min, max }]) => `${encodeURIComponent(key)}:${short(min)}:${short(max)}`)
    .join(',')
}

const short = (n: number) => String(Number(n.toPrecision(10)))

export function decodeZoom(text: string): Map<string, Range> {
  const zooms = new Map<string, Range>()
  for (const part of text ? text.split(',') : []) {
    const [key, min, max] = part.split(':')
    const range = { min: Number(min), max: Number(max) }
    const name = key && decode(key)
    if (name && range.max > range.min) zooms.set(name, range)
  }
  return zooms
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
