/** Which columns the runs table has, and what each shows. */
import type { ExperimentKeys, Run } from '@/api/types'
import { formatAgo, formatDuration, formatMetric, MISSING } from '@/lib/format'
import { quoteKey } from '@/lib/filter'

export type ColumnGroup = 'run' | 'params' | 'metrics' | 'tags'

export interface Column {
  /** Stable: `params.alpha`, `duration`. */
  id: string
  group: ColumnGroup
  label: string
  numeric: boolean
  width: number
  /** What sorting by it is called; undefined when the server cannot. */
  field: string | undefined
}

const BUILT_IN: Column[] = [
  { id: 'status', group: 'run', label: 'Status', numeric: false, width: 98, field: 'status' },
  { id: 'started', group: 'run', label: 'Started', numeric: false, width: 96, field: 'start_time' },
  { id: 'duration', group: 'run', label: 'Time', numeric: true, width: 68, field: undefined },
  { id: 'user', group: 'run', label: 'User', numeric: false, width: 110, field: 'user_id' },
]

/** Wide enough for its label in the header's small type, and for five digits. */
const widthFor = (label: string) => Math.min(190, Math.max(74, Math.round(label.length * 6.9) + 26))

function keyed(group: 'params' | 'metrics' | 'tags', key: string): Column {
  return {
    id: `${group}.${key}`,
    group,
    label: key,
    numeric: group !== 'tags',
    width: widthFor(key),
    field: `${group}.${quoteKey(key)}`,
  }
}

export function allColumns(keys: ExperimentKeys): Column[] {
  return [
    ...BUILT_IN,
    ...keys.params.map((key) => keyed('params', key)),
    ...keys.metrics.map((key) => keyed('metrics', key)),
    ...keys.tags.filter((key) => !key.startsWith('mlflow.')).map((key) => keyed('tags', key)),
  ]
}

const FIRST_PARAMS = 5
const FIRST_METRICS = 6

/** Before anyone has chosen: what a run is, some parameters, the metrics that are not the machine's. */
export function defaultColumns(keys: ExperimentKeys): string[] {
  const metrics = keys.metrics.filter((key) => !key.startsWith('system/'))
  return [
    'status',
    'started',
    'duration',
    ...keys.params.slice(0, FIRST_PARAMS).map((key) => `params.${key}`),
    ...metrics.slice(0, FIRST_METRICS).map((key) => `metrics.${key}`),
  ]
}

export function durationOf(run: Run, now: number): number | undefined {
  if (run.status === 'RUNNING' && run.started_at) return now - Date.parse(run.started_at)
  return run.duration_ms ?? undefined
}

/** The text of a cell; status is drawn, not written, and is not asked for here. */
export function cellText(column: Column, run: Run, now: number): string {
  const key = column.label
  if (column.group === 'params') return run.params[key] ?? MISSING
  if (column.group === 'metrics') return formatMetric(run.metrics[key]?.value)
  if (column.group === 'tags') return run.tags[key] ?? ''
  if (column.id === 'duration') return formatDuration(durationOf(run, now))
  if (column.id === 'started') return formatAgo(run.started_at, now)
  return run.user_id || MISSING
}
