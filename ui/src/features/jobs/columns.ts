/** The columns of the table of jobs: those that Flower has, and ours. Pure; tested. */
import type { Job } from '@/api/types'
import { formatDateTime, formatDuration, MISSING } from '@/lib/format'
import { joinCommand } from './command'

export interface JobColumn {
  id: string
  label: string
  numeric?: boolean
  mono?: boolean
  /** The field by which the server orders jobs; absent where it does not. */
  order?: string
  /** As a person reads it. */
  show: (job: Job) => string
  /** As a program reads it; what is shown when absent. */
  raw?: (job: Job) => string
}

const json = (value: unknown) => (value == null ? '' : JSON.stringify(value))
const time = (at: string | null | undefined) => (at ? formatDateTime(at) : MISSING)

/** Of a project’s code its name says more than how it is started. */
export const titleOf = (job: Job) =>
  job.command && job.project_id == null ? joinCommand(job.command) : job.name

export const COLUMNS: JobColumn[] = [
  { id: 'state', order: 'status', label: 'State', show: (job) => job.status },
  { id: 'job', order: 'title', label: 'Job', mono: true, show: titleOf },
  { id: 'name', order: 'name', label: 'Name', show: (job) => job.name },
  { id: 'uuid', label: 'UUID', mono: true, show: (job) => job.task_id },
  { id: 'args', label: 'args', mono: true, show: (job) => json(job.args) },
  { id: 'kwargs', label: 'kwargs', mono: true, show: (job) => json(job.kwargs) },
  { id: 'result', label: 'Result', mono: true, show: (job) => json(job.result) },
  {
    id: 'queued',
    order: 'queued_at',
    label: 'Queued',
    show: (job) => time(job.queued_at),
    raw: (job) => job.queued_at,
  },
  {
    id: 'started',
    order: 'started_at',
    label: 'Started',
    show: (job) => time(job.started_at),
    raw: (job) => job.started_at ?? '',
  },
  {
    id: 'ended',
    order: 'ended_at',
    label: 'Ended',
    show: (job) => time(job.ended_at),
    raw: (job) => job.ended_at ?? '',
  },
  {
    id: 'runtime',
    order: 'runtime',
    label: 'Time',
    numeric: true,
    show: (job) => (job.runtime == null ? MISSING : formatDuration(job.runtime * 1000)),
    raw: (job) => String(job.runtime ?? ''),
  },
  { id: 'worker', label: 'Worker', mono: true, show: (job) => job.worker ?? MISSING },
  { id: 'queue', order: 'queue', label: 'Queue', show: (job) => job.queue },
  {
    id: 'priority',
    order: 'priority',
    label: 'Priority',
    numeric: true,
    show: (job) => String(job.priority),
  },
  {
    id: 'retries',
    order: 'retries',
    label: 'Retries',
    numeric: true,
    show: (job) => (job.retries ? String(job.retries) : MISSING),
    raw: (job) => String(job.retries),
  },
  { id: 'exception', label: 'Exception', show: (job) => job.message ?? '' },
  { id: 'eta', label: 'ETA', show: (job) => time(job.eta), raw: (job) => job.eta ?? '' },
  {
    id: 'expires',
    label: 'Expires',
    show: (job) => time(job.expires),
    raw: (job) => job.expires ?? '',
  },
]

/** An order of the list; of text from a to z first, of all else the greatest first. */
export interface Order {
  by: string
  up: boolean
}
const NEWEST: Order = { by: 'queued_at', up: false }
const TEXTS = ['status', 'title', 'name', 'queue']

/** Reads `runtime DESC`; what is no order means the newest first. */
export function parseOrder(text: string): Order {
  const [by = '', direction] = text.split(' ')
  const known = COLUMNS.some(({ order }) => order === by)
  return known && (direction === 'ASC' || direction === 'DESC')
    ? { by, up: direction === 'ASC' }
    : NEWEST
}
export const writeOrder = ({ by, up }: Order) =>
  by === NEWEST.by && !up ? '' : `${by} ${up ? 'ASC' : 'DESC'}`

/** The order after a click on the header of what is ordered by `by`. */
export const nextOrder = (order: Order, by: string): Order =>
  order.by === by ? { by, up: !order.up } : { by, up: TEXTS.includes(by) }

/** What the list shows: which jobs, in what order, with which columns. */
export interface ListView {
  state: string
  filter: string
  order: string
  columns: string[]
}

export const USUAL = ['state', 'job', 'queue', 'retries', 'runtime', 'queued']

/** Those that were chosen, in the table's order; the usual ones when none is left. */
export function chosenColumns(ids: readonly string[]): JobColumn[] {
  const chosen = COLUMNS.filter(({ id }) => ids.includes(id))
  return chosen.length > 0 ? chosen : COLUMNS.filter(({ id }) => USUAL.includes(id))
}

const quoted = (text: string) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

export function toCsv(jobs: readonly Job[], columns: readonly JobColumn[]): string {
  const rows = jobs.map((job) =>
    columns.map(({ show, raw }) => quoted((raw ?? show)(job))).join(','),
  )
  return `${[columns.map(({ label }) => quoted(label)).join(','), ...rows].join('\n')}\n`
}
