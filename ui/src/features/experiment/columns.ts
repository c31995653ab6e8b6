/** Which columns the runs table has, and what each shows. */
import type { ExperimentKeys, Run } from '@/api/types'
import { formatAgo, formatDuration, formatMetric, formatParam, MISSING } from '@/lib/format'
import { quoteKey } from '@/lib/filter'

export type ColumnGroup = 'run' | 'params' | 'metrics' | 'aggregates' | 'tags'
export type Aggregate = 'min' | 'max' | 'mean' | 'count'

export interface Column {
  /** Stable: `params.alpha`, `duration`. */
  id: string
  group: ColumnGroup
  label: string
  numeric: boolean
  width: number
  /** What it gives way to before the table has to be scrolled sideways. */
  least?: number
  /** What sorting by it is called; undefined when the server cannot. */
  field: string | undefined
  /** Of an aggregate: over which metric's history. */
  of?: { aggregate: Aggregate; metric: string }
  /** What it shows, where the run alone does not tell. */
  text?: (run: Run) => string
}

const BUILT_IN: Column[] = [
  { id: 'status', group: 'run', label: 'Status', numeric: false, width: 100, field: 'status' },
  { id: 'started', group: 'run', label: 'Started', numeric: false, width: 96, field: 'start_time' },
  { id: 'duration', group: 'run', label: 'Time', numeric: true, width: 78, field: undefined },
  { id: 'user', group: 'run', label: 'User', numeric: false, width: 110, field: 'user_id' },
]

/** Where runs of several experiments stand together. */
export const EXPERIMENT_COLUMN: Column = {
  id: 'experiment',
  group: 'run',
  label: 'Experiment',
  numeric: false,
  width: 160,
  least: 104,
  field: undefined,
}

const WIDEST = 190

/** Wide enough for its label in the header's small type, and for five digits. */
const widthFor = (label: string, least: number) =>
  Math.min(WIDEST, Math.max(least, Math.round(label.length * 6.5) + 22))

function keyed(group: 'params' | 'metrics' | 'tags', key: string): Column {
  return {
    id: `${group}.${key}`,
    group,
    label: key,
    numeric: group !== 'tags',
    width: widthFor(key, group === 'metrics' ? 88 : 64),
    field: `${group}.${quoteKey(key)}`,
  }
}

const AGGREGATES: Aggregate[] = ['min', 'max', 'mean', 'count']

function aggregates(metric: string): Column[] {
  return AGGREGATES.map((aggregate) => {
    const label = `${aggregate}(${metric})`
    return {
      id: `${aggregate}.${metric}`,
      group: 'aggregates',
      label,
      numeric: true,
      width: widthFor(label, 88),
      field: `${aggregate}(metrics.${quoteKey(metric)})`,
      of: { aggregate, metric },
    }
  })
}

export function allColumns(keys: ExperimentKeys): Column[] {
  return [
    ...BUILT_IN,
    ...keys.params.map((key) => keyed('params', key)),
    ...keys.metrics.map((key) => keyed('metrics', key)),
    ...keys.metrics.flatMap(aggregates),
    ...keys.tags.filter((key) => !key.startsWith('mlflow.')).map((key) => keyed('tags', key)),
  ]
}

const FIRST_PARAMS = 3
const FIRST_METRICS = 4

/** How much a parameter tells: one that never varies tells nothing, one that always does little. */
function variety(key: string, runs: readonly Run[]): number {
  const values = new Set(runs.map((run) => run.params[key]))
  if (values.size <= 1) return 0
  return values.size === runs.length ? 1 : 2
}

/**
 * Before anyone has chosen: what a run is, the parameters that vary among the first runs, and
 * the metrics that are not the machine's.
 */
export function defaultColumns(keys: ExperimentKeys, runs: readonly Run[]): string[] {
  const params = keys.params
    .map((key) => ({ key, told: runs.length > 1 ? variety(key, runs) : 1 }))
    .filter(({ told }) => told > 0)
    .sort((a, b) => b.told - a.told)
  const metrics = keys.metrics.filter((key) => !/^(system\/|lr$|learning_rate$|epoch$)/.test(key))
  return [
    'status',
    'duration',
    ...params.slice(0, FIRST_PARAMS).map(({ key }) => `params.${key}`),
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
  if (column.text) return column.text(run)
  if (column.of) {
    const value = run.metrics[column.of.metric]?.[column.of.aggregate]
    return value == null ? MISSING : formatMetric(value, 4)
  }
  if (column.group === 'params') return formatParam(run.params[key] ?? MISSING)
  if (column.group === 'metrics') return formatMetric(run.metrics[key]?.value, 4)
  if (column.group === 'tags') return run.tags[key] ?? ''
  if (column.id === 'duration') return formatDuration(durationOf(run, now))
  if (column.id === 'started') return formatAgo(run.started_at, now)
  return run.user_id || MISSING
}

/** What a cell says when pointed at: the whole of a value that may be cut or shortened. */
export function cellTitle(column: Column, run: Run): string | undefined {
  if (column.group === 'params') return run.params[column.label]
  return column.group === 'tags' ? run.tags[column.label] : undefined
}

/** The width that the longest text of a column among these runs needs, in pixels. */
export function neededWidth(column: Column, runs: readonly Run[], now: number): number {
  if (column.group === 'run') return column.width
  const letter = column.numeric ? 7.3 : 6.8
  const longest = Math.max(0, ...runs.map((run) => cellText(column, run, now).length))
  return Math.min(WIDEST, Math.max(column.width, Math.ceil(longest * letter) + 20))
}
