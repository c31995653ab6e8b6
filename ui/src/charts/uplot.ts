/** What uPlot is told: axes, scales, cursor. The component decides when, this decides how. */
import uPlot from 'uplot'
import { formatCompact, formatDuration } from '@/lib/format'
import { clippedRange, type ChartSettings, type DrawnChart, type Range, type XMode } from './model'
import { cssColor, dashOf, SLOTS } from './palette'
import { logTicks, SECONDS, timeLabels } from './ticks'

const FONT = '11px "Inter Variable", system-ui, sans-serif'
/** Half of the widest label below a chart: the last one may stand at its very edge. */
const HALF_LABEL: Record<XMode, number> = { step: 16, relative: 22, wall: 26 }

export interface Hooks {
  onZoom: (range: Range) => void
  onReset: () => void
  onCursor: (left: number | null | undefined, x: number | undefined) => void
  onScale: (range: Range | undefined) => void
}

export interface Shape {
  settings: ChartSettings
  chart: () => DrawnChart
  syncKey: string
  width: number
  height: number
}

function axisStyle(): Partial<uPlot.Axis> {
  return {
    stroke: cssColor('--text-3'),
    font: FONT,
    grid: { stroke: cssColor('--grid'), width: 1 },
    ticks: { show: false },
    border: { show: false },
  }
}

function xAxis(mode: XMode): uPlot.Axis {
  const axis: uPlot.Axis = { ...axisStyle(), grid: { show: false }, size: 24, gap: 4, space: 60 }
  if (mode === 'wall') {
    return {
      ...axis,
      // The day stands below the time.
      size: 38,
      values: (_, splits, __, ___, every) => timeLabels(splits, every),
    }
  }
  if (mode === 'step') {
    // A step is a whole number: no 0.5 between two.
    const incrs = [1, 2, 5].flatMap((unit) => Array.from({ length: 13 }, (_, i) => unit * 10 ** i))
    return {
      ...axis,
      incrs: incrs.sort((a, b) => a - b),
      values: (_, splits) => splits.map(formatCompact),
    }
  }
  return {
    ...axis,
    incrs: SECONDS,
    values: (_, splits) => splits.map((seconds) => formatDuration(seconds * 1000)),
  }
}

/** Room for the widest label, so that charts of small and large numbers both fit. */
function labelWidth(u: uPlot, values: readonly string[] | null): number {
  const longest = (values ?? []).reduce((best, text) => Math.max(best, text?.length ?? 0), 1)
  return Math.max(30, Math.ceil(longest * 6.4) + 12 + (u.width > 600 ? 4 : 0))
}

function yRange(shape: Shape) {
  return (u: uPlot, min: number | null, max: number | null): uPlot.Range.MinMax => {
    if (min === null || max === null) return shape.settings.log ? [0.1, 1] : [0, 1]
    const [low, high] = (shape.settings.clip && visibleClip(u, shape)) || [min, max]
    if (shape.settings.log) return logRange(low, high)
    // Nothing but zeros, as counts of what did not happen.
    if (low === 0 && high === 0) return [0, 1]
    if (low === high) {
      const pad = Math.abs(low) * 0.1 || 1
      return [low - pad, high + pad]
    }
    const pad = (high - low) * 0.06
    return [low - pad, high + pad]
  }
}

/** Whole decades make a curve small when it spans only a part of one. */
function logRange(low: number, high: number): uPlot.Range.MinMax {
  const from = Math.log10(low)
  const to = Math.log10(high)
  const pad = Math.max((to - from) * 0.06, 0.02)
  return [10 ** (from - pad), 10 ** (to + pad)]
}

function visibleClip(u: uPlot, shape: Shape): [number, number] | undefined {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = u.scales.x ?? {}
  const values = shape.chart().lines.flatMap((line) =>
    (shape.settings.smoothing > 0 ? line.smooth : line.raw).filter((value, i) => {
      const x = line.xs[i] ?? 0
      return value !== null && x >= (min ?? 0) && x <= (max ?? 0)
    }),
  ) as number[]
  return clippedRange(values)
}

function seriesOf(chart: DrawnChart, smoothing: boolean): uPlot.Series[] {
  return chart.lines.flatMap((line) => {
    const color = cssColor(`--series-${line.slot % SLOTS}`)
    const sparse = line.xs.length < 2
    const base: uPlot.Series = {
      stroke: color,
      width: 1.6,
      dash: dashOf(line.slot),
      points: { show: sparse, size: 6, fill: color },
    }
    if (!smoothing) return [base]
    const faint = { ...base, stroke: `${color}48`, width: 1, points: { show: false } }
    return [faint, base]
  })
}

/** A line has no point at every x of the others: take its nearest within sight. */
function nearestWithValue(u: uPlot, seriesIndex: number, hovered: number): number {
  const values = u.data[seriesIndex]
  if (!values || seriesIndex === 0) return hovered
  for (let away = 0; away < 400; away += 1) {
    if (typeof values[hovered - away] === 'number') return hovered - away
    if (typeof values[hovered + away] === 'number') return hovered + away
  }
  return hovered
}

export function optionsFor(shape: Shape, hooks: Hooks): uPlot.Options {
  const { settings } = shape
  const bigLabels = (values: number[]) => values.map((value) => formatCompact(value))
  return {
    width: shape.width,
    height: shape.height,
    padding: [10, HALF_LABEL[settings.x], 0, 2],
    legend: { show: false },
    scales: {
      x: { time: settings.x === 'wall' },
      y: { range: yRange(shape), distr: settings.log ? 3 : 1 },
    },
    axes: [
      xAxis(settings.x),
      {
        ...axisStyle(),
        gap: 6,
        space: (u) => Math.max(34, u.height / 10),
        size: (u, values) => labelWidth(u, values),
        values: (_, splits) => bigLabels(splits),
        ...(settings.log
          ? { splits: (_, __, min, max) => logTicks(min, max), filter: (_, splits) => splits }
          : {}),
      },
    ],
    series: [{}, ...seriesOf(shape.chart(), settings.smoothing > 0)],
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      dataIdx: nearestWithValue,
      points: { size: 7, width: 1.5 },
      bind: {
        dblclick: () => () => {
          hooks.onReset()
          return null
        },
      },
      sync: {
        key: shape.syncKey,
        setSeries: false,
        scales: ['x', null],
        // Only the crosshair travels; a drag zooms the chart it happened on.
        filters: { pub: (type) => type === 'mousemove' || type === 'mouseleave' },
      },
    },
    hooks: {
      setSelect: [
        (u) => {
          if (u.select.width < 4) return
          const min = u.posToVal(u.select.left, 'x')
          const max = u.posToVal(u.select.left + u.select.width, 'x')
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          hooks.onZoom({ min, max })
        },
      ],
      setCursor: [
        (u) => {
          const { left } = u.cursor
          const inside = left !== undefined && left !== null && left >= 0
          hooks.onCursor(left, inside ? u.posToVal(left, 'x') : undefined)
        },
      ],
      setScale: [
        (u, key) => {
          if (key !== 'x') return
          const { min, max } = u.scales.x ?? {}
          const known = typeof min === 'number' && typeof max === 'number'
          hooks.onScale(known ? { min, max } : undefined)
        },
      ],
    },
  }
}

/** What changes the options; anything else is only data. */
export function shapeKey(chart: DrawnChart, settings: ChartSettings): string {
  const lines = chart.lines.map(({ id, slot, xs }) => `${id}:${slot}:${xs.length < 2}`).join()
  return `${lines}|${settings.x}|${settings.log}|${settings.smoothing > 0}`
}
