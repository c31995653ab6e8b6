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

/** The server lets no more jobs of a queue run at once. */
export const MOST_AT_ONCE = 256

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

/** How often a task may start, and the seconds that its jobs may take. */
export interface TaskLimit {
  task: string
  rate: string | null
  soft: number | null
  hard: number | null
}

/** What limits each task, by name. */
export function limitsOf(
  rates: Record<string, string>,
  times: Record<string, { soft_time_limit?: number | null; time_limit?: number | null }>,
): TaskLimit[] {
  const tasks = [...new Set([...Object.keys(rates), ...Object.keys(times)])].sort()
  return tasks.map((task) => ({
    task,
    rate: rates[task] ?? null,
    soft: times[task]?.soft_time_limit ?? null,
    hard: times[task]?.time_limit ?? null,
  }))
}

export interface Sample {
  at: number
  cpuMs: number
  memory: number
  gpus: { slot: number; utilization?: number | null; memory_bytes?: number | null }[]
}

const MB = 1024 * 1024

function drawn(id: string, name: string, slot: number, times: number[], values: number[]): Line {
  return {
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
  }
}

/** A line for each slot of which something is told. */
function gpuLines(
  samples: readonly Sample[],
  read: (gpu: Sample['gpus'][number]) => number | null | undefined,
): Line[] {
  const slots = [...new Set(samples.flatMap(({ gpus }) => gpus.map(({ slot }) => slot)))]
  slots.sort((a, b) => a - b)
  return slots.flatMap((slot) => {
    const told = samples.flatMap(({ at, gpus }) => {
      const gpu = gpus.find((one) => one.slot === slot)
      const value = gpu && read(gpu)
      return value == null ? [] : [{ at, value }]
    })
    const times = told.map(({ at }) => at)
    const values = told.map(({ value }) => value)
    return told.length > 0
      ? [drawn(`gpu ${slot}`, `GPU ${slot}`, 2 + (slot % 5), times, values)]
      : []
  })
}

export interface UsageChart {
  title: string
  lines: Line[]
}

/**
 * Processors used between each two samples, the memory at each, and what the GPUs do whose slots
 * the job holds.
 */
export function usageCharts(samples: readonly Sample[]): UsageChart[] {
  const times = samples.slice(1).map(({ at }) => at)
  const busy = samples.slice(1).map((sample, index) => {
    const before = samples[index]
    const passed = before ? sample.at - before.at : 0
    // Processes that ended are not counted any more.
    return before && passed > 0 ? Math.max(0, sample.cpuMs - before.cpuMs) / passed : 0
  })
  const memory = samples.slice(1).map((sample) => sample.memory / MB)
  const gpus = gpuLines(samples, ({ utilization }) =>
    utilization == null ? null : utilization * 100,
  )
  const gpuMemory = gpuLines(samples, ({ memory_bytes }) =>
    memory_bytes == null ? null : memory_bytes / MB,
  )
  return [
    { title: 'Processors', lines: [drawn('cpu', 'processors', 0, times, busy)] },
    { title: 'Memory, MB', lines: [drawn('memory', 'MB', 5, times, memory)] },
    ...(gpus.length > 0 ? [{ title: 'GPU, %', lines: gpus }] : []),
    ...(gpuMemory.length > 0 ? [{ title: 'GPU memory, MB', lines: gpuMemory }] : []),
  ]
}
