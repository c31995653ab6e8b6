/** Points of one metric of one run, and how new ones join them. */
import type { Series } from '@/api/types'
import { toNumber } from '@/lib/format'

export interface SeriesData {
  runId: string
  key: string
  steps: number[]
  timestamps: number[]
  /** NaN and the infinities are kept; a chart draws them as gaps. */
  values: number[]
  /** How many points the server has. */
  total: number
  /** Whether these are only some of them. */
  sampled: boolean
}

export interface Points {
  steps: readonly number[]
  timestamps: readonly number[]
  values: readonly number[]
}

export function fromWire(series: Series): SeriesData {
  return {
    runId: series.run_id,
    key: series.key,
    steps: series.steps,
    timestamps: series.timestamps,
    values: series.values.map(toNumber),
    total: series.total,
    sampled: series.sampled,
  }
}

/**
 * Joins points that were read again or are new. Points are a set by (step, timestamp):
 * what is known already is replaced, the rest takes its place in order.
 */
export function mergePoints(current: SeriesData, incoming: Points): SeriesData {
  if (incoming.steps.length === 0) return current
  const lastStep = current.steps.at(-1) ?? Number.NEGATIVE_INFINITY
  const lastTime = current.timestamps.at(-1) ?? Number.NEGATIVE_INFINITY
  const first = incoming.steps[0] ?? 0
  const appends =
    first > lastStep || (first === lastStep && (incoming.timestamps[0] ?? 0) > lastTime)
  return appends && isOrdered(incoming) ? append(current, incoming) : interleave(current, incoming)
}

function isOrdered({ steps, timestamps }: Points): boolean {
  for (let i = 1; i < steps.length; i += 1) {
    const step = steps[i] ?? 0
    const before = steps[i - 1] ?? 0
    if (step < before) return false
    if (step === before && (timestamps[i] ?? 0) <= (timestamps[i - 1] ?? 0)) return false
  }
  return true
}

function append(current: SeriesData, incoming: Points): SeriesData {
  return {
    ...current,
    steps: current.steps.concat(incoming.steps),
    timestamps: current.timestamps.concat(incoming.timestamps),
    values: current.values.concat(incoming.values),
    total: current.total + incoming.steps.length,
  }
}

function interleave(current: SeriesData, incoming: Points): SeriesData {
  const rows = new Map<string, [number, number, number]>()
  for (const source of [current, incoming]) {
    for (let i = 0; i < source.steps.length; i += 1) {
      const step = source.steps[i] ?? 0
      const time = source.timestamps[i] ?? 0
      rows.set(`${step}:${time}`, [step, time, source.values[i] ?? Number.NaN])
    }
  }
  const ordered = [...rows.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1])
  return {
    ...current,
    steps: ordered.map((row) => row[0]),
    timestamps: ordered.map((row) => row[1]),
    values: ordered.map((row) => row[2]),
    total: Math.max(current.total, ordered.length),
  }
}
