/** What happened to jobs, as the lines of charts. Pure; tested. */
import type { JobHistory } from '@/api/types'
import type { Line, Range } from '@/charts/model'

export const SPANS = [
  { minutes: 60, label: '1 hour' },
  { minutes: 360, label: '6 hours' },
  { minutes: 1440, label: '1 day' },
  { minutes: 10_080, label: '7 days' },
  { minutes: 43_200, label: '30 days' },
] as const

/** Places in the palette: the same colour for the same thing on every chart. */
const LINES = {
  succeeded: { name: 'succeeded', slot: 2 },
  failed: { name: 'failed', slot: 1 },
  revoked: { name: 'cancelled', slot: 4 },
  retried: { name: 'retried', slot: 3 },
  wait_ms: { name: 'mean wait', slot: 0 },
  longest_wait_ms: { name: 'longest wait', slot: 5 },
  run_ms: { name: 'mean run', slot: 6 },
} as const
type Measure = keyof typeof LINES

function line(history: JobHistory, measure: Measure, scale: number): Line {
  // A stretch in which nothing ended has no wait: it is passed over, not drawn as a gap.
  const all = history[measure].map((value, index) => ({ value, at: history.times[index] ?? 0 }))
  const known = all.filter((point) => point.value != null)
  return {
    id: measure,
    ...LINES[measure],
    data: {
      runId: measure,
      key: measure,
      steps: known.map((_, index) => index),
      timestamps: known.map(({ at }) => at),
      values: known.map(({ value }) => (value ?? 0) * scale),
      total: known.length,
      sampled: false,
    },
  }
}

/** From the first stretch to the last, in seconds: what every chart shows, however few its points. */
export function periodOf({ times }: JobHistory): Range | undefined {
  const [first, last] = [times[0], times.at(-1)]
  if (first === undefined || last === undefined || first === last) return undefined
  return { min: first / 1000, max: last / 1000 }
}

/** The charts of the monitor. */
export function chartsOf(history: JobHistory): { id: string; title: string; lines: Line[] }[] {
  const minutes = history.period_ms / 60_000
  const each = minutes === 1 ? 'a minute' : `in ${minutes.toLocaleString('en')} minutes`
  const of = (measures: Measure[], scale = 1) =>
    measures.map((measure) => line(history, measure, scale))
  return [
    {
      id: 'throughput',
      title: `Jobs ended ${each}`,
      lines: of(['succeeded', 'failed', 'revoked']),
    },
    {
      id: 'latency',
      title: 'Seconds waited and run',
      lines: of(['wait_ms', 'longest_wait_ms', 'run_ms'], 0.001),
    },
    { id: 'failures', title: `Failures and retries ${each}`, lines: of(['failed', 'retried']) },
  ]
}

export interface Sample {
  at: number
  cpuMs: number
  memory: number
}

/** Processors used between each two samples, and the memory at each. */
export function usageLines(samples: readonly Sample[]): { cpu: Line; memory: Line } {
  const times = samples.slice(1).map(({ at }) => at)
  const busy = samples.slice(1).map((sample, index) => {
    const before = samples[index]
    const passed = before ? sample.at - before.at : 0
    // Processes that ended are not counted any more.
    return before && passed > 0 ? Math.max(0, sample.cpuMs - before.cpuMs) / passed : 0
  })
  const memory = samples.slice(1).map((sample) => sample.memory / 1024 / 1024)
  const drawn = (id: string, name: string, slot: number, values: number[]): Line => ({
    id,
    name,
    slot,
    data: {
      runId: id,
      key: id,
      steps: times.map((_, index) => index),
      timestamps: times,
      values,
      total: values.length,
      sampled: false,
    },
  })
  return { cpu: drawn('cpu', 'processors', 0, busy), memory: drawn('memory', 'MB', 5, memory) }
}
