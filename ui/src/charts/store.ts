/**
 * The series that a page draws: asked for together, kept while their runs are drawn, and
 * grown by the socket.
 */
import { onScopeDispose, shallowReactive, toValue, watch, type MaybeRefOrGetter } from 'vue'
import * as api from '@/api/calls'
import { live } from '@/live'
import type { LiveMessage } from '@/live/socket'
import { toNumber } from '@/lib/format'
import type { MetricValue } from '@/api/types'
import { fromWire, mergePoints, type SeriesData } from './series'

const MAX_POINTS = 1500
const ZOOM_POINTS = 3000
/** Past this many drawn points a line is read again, evenly thinned. */
const TOO_MANY = 9000
const KEYS_PER_CALL = 24

interface LivePoints {
  series: { key: string; steps: number[]; timestamps: number[]; values: MetricValue[] }[]
}

const nameOf = (runId: string, key: string) => `${runId} ${key}`

export interface SeriesStore {
  get: (runId: string, key: string) => SeriesData | undefined
  /** Undefined while all is well. */
  errorOf: (key: string) => unknown
  isLoading: (key: string) => boolean
  /** Asks for a metric of all drawn runs; once is enough, later runs come by themselves. */
  want: (key: string) => void
  unwant: (key: string) => void
  /** Reads a stretch of steps more finely. */
  refine: (key: string, from: number, to: number) => Promise<void>
}

export function useSeriesStore(runIds: MaybeRefOrGetter<readonly string[]>): SeriesStore {
  const series = shallowReactive(new Map<string, SeriesData>())
  const errors = shallowReactive(new Map<string, unknown>())
  const loading = shallowReactive(new Set<string>())
  const wanted = new Set<string>()
  const followed = new Map<string, () => void>()
  const asked = new Set<string>()
  /** Points that came while their series was being read: the answer may be older than they. */
  const late = new Map<string, SeriesData>()
  let drawn: string[] = []
  let scheduled = false
  let disposed = false

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    queueMicrotask(() => {
      scheduled = false
      if (!disposed) void load()
    })
  }

  /** Everything wanted that was not asked for yet, in as few calls as the keys allow. */
  async function load(): Promise<void> {
    const missing = (key: string) => drawn.some((runId) => !asked.has(nameOf(runId, key)))
    const keys = [...wanted].filter(missing)
    const runs = drawn.filter((id) => keys.some((key) => !asked.has(nameOf(id, key))))
    for (const id of runs) for (const key of keys) asked.add(nameOf(id, key))
    const calls: Promise<void>[] = []
    for (let at = 0; at < keys.length; at += KEYS_PER_CALL) {
      calls.push(read(runs, keys.slice(at, at + KEYS_PER_CALL)))
    }
    await Promise.all(calls)
  }

  async function read(runs: readonly string[], keys: readonly string[]): Promise<void> {
    if (runs.length === 0 || keys.length === 0) return
    for (const key of keys) loading.add(key)
    try {
      const answer = await api.metricSeries({
        run_ids: [...runs],
        keys: [...keys],
        max_points: MAX_POINTS,
      })
      if (disposed) return
      for (const item of answer.series) {
        const name = nameOf(item.run_id, item.key)
        const missed = late.get(name)
        series.set(name, missed ? mergePoints(fromWire(item), missed) : fromWire(item))
        late.delete(name)
      }
      for (const key of keys) errors.delete(key)
      for (const id of runs) follow(id, answer.cursor)
    } catch (error) {
      for (const key of keys) {
        errors.set(key, error)
        for (const id of runs) asked.delete(nameOf(id, key))
      }
    } finally {
      for (const key of keys) loading.delete(key)
    }
  }

  function follow(runId: string, cursor: string): void {
    if (followed.has(runId) || !drawn.includes(runId)) return
    const stop = live.subscribe(
      `run/${runId}/metrics`,
      {
        onMessage: (message) => receive(runId, message),
        onResync: () => void readAgain(runId),
      },
      cursor,
    )
    followed.set(runId, stop)
  }

  function receive(runId: string, message: LiveMessage): void {
    if (message.kind !== 'points') return
    for (const points of (message.data as LivePoints).series) {
      const name = nameOf(runId, points.key)
      if (!asked.has(name)) continue
      const fresh = { ...points, values: points.values.map(toNumber) }
      if (loading.has(points.key)) {
        late.set(name, mergePoints(late.get(name) ?? emptySeries(runId, points.key), fresh))
      }
      const merged = mergePoints(series.get(name) ?? emptySeries(runId, points.key), fresh)
      series.set(name, merged)
      if (merged.steps.length > TOO_MANY) void read([runId], [points.key])
    }
  }

  function readAgain(runId: string): Promise<void> {
    return read([runId], [...wanted])
  }

  function drop(runId: string): void {
    followed.get(runId)?.()
    followed.delete(runId)
    for (const name of [...series.keys()]) if (name.startsWith(`${runId} `)) series.delete(name)
    for (const name of [...asked]) if (name.startsWith(`${runId} `)) asked.delete(name)
  }

  watch(
    () => [...toValue(runIds)],
    (ids) => {
      for (const id of drawn) if (!ids.includes(id)) drop(id)
      drawn = ids
      schedule()
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    disposed = true
    for (const stop of followed.values()) stop()
  })

  return {
    get: (runId, key) => series.get(nameOf(runId, key)),
    errorOf: (key) => errors.get(key),
    isLoading: (key) => loading.has(key),
    want(key) {
      wanted.add(key)
      schedule()
    },
    unwant: (key) => void wanted.delete(key),
    async refine(key, from, to) {
      const thinned = drawn.filter((id) => series.get(nameOf(id, key))?.sampled)
      if (thinned.length === 0) return
      const answer = await api.metricSeries({
        run_ids: thinned,
        keys: [key],
        max_points: ZOOM_POINTS,
        from_step: Math.floor(from),
        to_step: Math.ceil(to),
      })
      for (const item of answer.series) {
        const current = series.get(nameOf(item.run_id, key))
        if (current) series.set(nameOf(item.run_id, key), mergePoints(current, fromWire(item)))
      }
    },
  }
}

function emptySeries(runId: string, key: string): SeriesData {
  return { runId, key, steps: [], timestamps: [], values: [], total: 0, sampled: false }
}
