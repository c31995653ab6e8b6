import { useEventListener } from '@vueuse/core'
import { onScopeDispose, ref, shallowRef, watch } from 'vue'
import * as api from '@/api/calls'
import { ApiError } from '@/api/errors'
import type { Run, View } from '@/api/types'
import { andFilter } from '@/lib/filter'
import { useTopics } from '@/live'
import { appendPage, mergeFront, patchRows } from './rows'
import { notePlace, takePlace } from './place'

export interface RunsQuery {
  experimentId: string
  filter: string
  order: string
  view: View
  /** Minimum, maximum, mean and count of each metric too. */
  aggregates: boolean
}

/** In the place of an experiment: all of them. */
export const EVERYWHERE = 'all'

export type RunsState = 'loading' | 'ready' | 'more' | 'done' | 'error'

const FIRST_PAGE = 100
const LATER_PAGE = 1000
/** Up to here the whole list is simply read again. */
const SMALL = 200
const LIVE_EVERY_MS = 250
const IDS_PER_CALL = 100

interface Kept {
  rows: Run[]
  token: string | undefined
  matched: number
  elapsedMs: number
  scrollTop: number
}

/** Lists that were left a moment ago: coming back finds them as they were. */
const kept = new Map<string, Kept>()
const KEPT = 6

function keep(name: string, list: Kept): void {
  kept.delete(name)
  kept.set(name, list)
  const oldest = kept.keys().next().value
  if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest)
}

/** The runs that a query finds: read page by page, kept fresh by the socket. */
export function useRuns(query: () => RunsQuery) {
  const rows = shallowRef<Run[]>([])
  const matched = ref<number>()
  const elapsedMs = ref<number>()
  const state = ref<RunsState>('loading')
  const error = shallowRef<unknown>()
  const scrollTop = ref(0)
  let token: string | undefined
  let abort = new AbortController()
  let current = query()

  const nameOf = (q: RunsQuery) => JSON.stringify(q)
  const body = (max_results: number, page_token?: string) => ({
    ...(current.experimentId === EVERYWHERE ? {} : { experiment_ids: [current.experimentId] }),
    ...(current.aggregates ? { aggregates: true } : {}),
    filter: current.filter,
    order_by: current.order ? [current.order] : [],
    view: current.view,
    max_results,
    ...(page_token ? { page_token } : {}),
  })

  function remember(): void {
    if (state.value === 'loading' || state.value === 'error') return
    keep(nameOf(current), {
      rows: rows.value,
      token,
      matched: matched.value ?? 0,
      elapsedMs: elapsedMs.value ?? 0,
      scrollTop: scrollTop.value,
    })
  }

  function recall(): boolean {
    const before = kept.get(nameOf(current))
    if (!before) return false
    rows.value = before.rows
    token = before.token
    matched.value = before.matched
    elapsedMs.value = before.elapsedMs
    scrollTop.value = before.scrollTop
    state.value = token ? 'ready' : 'done'
    return true
  }

  /** Reads the beginning again; with `whole` it becomes the list, otherwise its front. */
  async function readFirst(whole: boolean, least = FIRST_PAGE): Promise<void> {
    const signal = abort.signal
    const size = whole ? Math.max(least, Math.min(rows.value.length, SMALL)) : FIRST_PAGE
    try {
      const page = await api.searchRuns(body(size), signal)
      if (signal.aborted) return
      rows.value = whole ? page.runs : mergeFront(rows.value, page.runs)
      if (whole) {
        token = page.next_page_token ?? undefined
        state.value = token ? 'ready' : 'done'
      }
      matched.value = page.matched
      elapsedMs.value = page.elapsed_ms
      error.value = undefined
    } catch (problem) {
      if (signal.aborted) return
      error.value = problem
      if (rows.value.length === 0 || isFilterProblem(problem)) state.value = 'error'
    }
  }

  async function more(): Promise<void> {
    if (state.value !== 'ready' || !token) return
    const signal = abort.signal
    state.value = 'more'
    try {
      const page = await api.searchRuns(body(LATER_PAGE, token), signal)
      if (signal.aborted) return
      rows.value = appendPage(rows.value, page.runs)
      token = page.next_page_token ?? undefined
      state.value = token ? 'ready' : 'done'
      error.value = undefined
    } catch (problem) {
      if (signal.aborted) return
      error.value = problem
      state.value = 'ready'
    }
  }

  const stale = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let refreshing = false

  function changed(ids: readonly string[]): void {
    for (const id of ids) stale.add(id)
    timer ??= setTimeout(() => void catchUp(), LIVE_EVERY_MS)
  }

  async function catchUp(): Promise<void> {
    timer = undefined
    if (refreshing || state.value === 'loading') {
      if (stale.size > 0) timer = setTimeout(() => void catchUp(), LIVE_EVERY_MS)
      return
    }
    refreshing = true
    const ids = [...stale]
    stale.clear()
    try {
      if (rows.value.length <= SMALL) await readFirst(true)
      else await Promise.all([patchKnown(ids), readFirst(false)])
    } finally {
      refreshing = false
    }
  }

  /** Reads changed rows of a long list alone; order and scroll stay. */
  async function patchKnown(ids: readonly string[]): Promise<void> {
    const signal = abort.signal
    const here = new Set(rows.value.map((row) => row.run_id))
    const known = ids.filter((id) => here.has(id))
    for (let at = 0; at < known.length; at += IDS_PER_CALL) {
      const some = known.slice(at, at + IDS_PER_CALL)
      const list = some.map((id) => `'${id}'`).join(', ')
      const search = {
        ...body(IDS_PER_CALL),
        filter: andFilter(current.filter, `attributes.run_id IN (${list})`),
      }
      const page = await api.searchRuns(search, signal).catch(() => undefined)
      if (!page || signal.aborted) return
      rows.value = patchRows(rows.value, page.runs, new Set(some))
    }
  }

  function start(): void {
    remember()
    abort.abort()
    abort = new AbortController()
    current = query()
    stale.clear()
    error.value = undefined
    if (recall()) {
      void readFirst(rows.value.length <= SMALL)
      return
    }
    const place = takePlace(nameOf(current))
    state.value = 'loading'
    token = undefined
    scrollTop.value = place?.scrollTop ?? 0
    void readFirst(true, place?.rows)
  }

  watch(() => nameOf(query()), start, { immediate: true })
  const topic = () => {
    const { experimentId } = query()
    return experimentId === EVERYWHERE ? 'experiments' : `experiment/${experimentId}`
  }
  useTopics(() => [topic()], {
    onMessage: ({ data }) => changed((data as { run_ids?: string[] } | null)?.run_ids ?? []),
    onResync: () => void readFirst(rows.value.length <= SMALL),
  })
  // A reload of the window finds the same place again.
  useEventListener(window, 'pagehide', () =>
    notePlace(nameOf(current), { scrollTop: scrollTop.value, rows: rows.value.length }),
  )
  onScopeDispose(() => {
    remember()
    abort.abort()
    clearTimeout(timer)
  })

  return { rows, matched, elapsedMs, state, error, scrollTop, more, changed, retry: start }
}

function isFilterProblem(problem: unknown): boolean {
  return problem instanceof ApiError && problem.status === 400
}

export type Runs = ReturnType<typeof useRuns>
