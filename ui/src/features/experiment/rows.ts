/** Rows of the runs table, and how live changes reach them without moving what one reads. */
import type { Run } from '@/api/types'

/** Takes in runs that were read again; those asked for but not found no longer match. */
export function patchRows(
  rows: readonly Run[],
  found: readonly Run[],
  asked: ReadonlySet<string>,
): Run[] {
  const fresh = new Map(found.map((run) => [run.run_id, run]))
  return rows
    .filter((row) => !asked.has(row.run_id) || fresh.has(row.run_id))
    .map((row) => newer(row, fresh.get(row.run_id)))
}

function newer(row: Run, fresh: Run | undefined): Run {
  if (!fresh || fresh.rev < row.rev) return row
  return fresh
}

/** Puts a first page that was read again before everything else that is known. */
export function mergeFront(rows: readonly Run[], first: readonly Run[]): Run[] {
  const known = new Set(first.map((run) => run.run_id))
  return [...first, ...rows.filter((row) => !known.has(row.run_id))]
}

/** Appends a page; a run that moved between two reads stands once. */
export function appendPage(rows: readonly Run[], page: readonly Run[]): Run[] {
  const known = new Set(rows.map((run) => run.run_id))
  return [...rows, ...page.filter((run) => !known.has(run.run_id))]
}

export interface Order {
  /** As the search language names it: metrics.`rmse`, start_time. */
  field: string
  ascending: boolean
}

export const encodeOrder = (order: Order | undefined) =>
  order ? `${order.field} ${order.ascending ? 'ASC' : 'DESC'}` : ''

export function decodeOrder(text: string): Order | undefined {
  const match = /^(.+) (ASC|DESC)$/.exec(text)
  return match?.[1] ? { field: match[1], ascending: match[2] === 'ASC' } : undefined
}

/** A click on a header: up, down, then the default again. */
export function nextOrder(order: Order | undefined, field: string): Order | undefined {
  if (order?.field !== field) return { field, ascending: true }
  return order.ascending ? { field, ascending: false } : undefined
}
