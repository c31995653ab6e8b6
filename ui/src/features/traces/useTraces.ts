import { keepPreviousData, useInfiniteQuery } from '@tanstack/vue-query'
import { useThrottleFn } from '@vueuse/core'
import { computed, reactive } from 'vue'
import * as api from '@/api/calls'
import { ApiError } from '@/api/errors'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { Trace } from '@/api/types'
import { ask } from '@/composables/confirm'
import { attempt, toastDone } from '@/composables/toasts'
import { formatCount } from '@/lib/format'
import { useTopics } from '@/live'

const REFRESH_MS = 500

interface Question {
  experimentId: string
  /** What a person asks for. */
  filter: string
  /** What the page itself asks for, such as the run. */
  within?: string | undefined
}

/** Traces of an experiment, newest first, page by page and kept fresh by the socket. */
export function useTraces(question: () => Question) {
  const filter = () => {
    const { filter: asked, within } = question()
    if (!within) return asked
    return asked.trim() ? `${within} AND (${asked})` : within
  }
  const query = useInfiniteQuery({
    queryKey: computed(() => [...keys.traces(question().experimentId), filter()]),
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      api.searchTraces(
        {
          experiment_ids: [question().experimentId],
          filter: filter(),
          max_results: 100,
          ...(pageParam ? { page_token: pageParam } : {}),
        },
        signal,
      ),
    getNextPageParam: (page) => page.next_page_token ?? undefined,
    placeholderData: keepPreviousData,
    // A filter that is wrong does not become right.
    retry: (failures, error) =>
      !(error instanceof ApiError && error.status === 400) && failures < 3,
  })
  const refresh = useThrottleFn(
    () => void queryClient.invalidateQueries({ queryKey: keys.traces(question().experimentId) }),
    REFRESH_MS,
    true,
  )
  useTopics(() => [`experiment/${question().experimentId}/traces`], {
    onMessage: () => void refresh(),
    onResync: () => void refresh(),
  })
  const traces = computed(() => query.data.value?.pages.flatMap((page) => page.traces) ?? [])
  const problem = computed(() => {
    const error = query.error.value
    return error instanceof ApiError && error.status === 400 ? error : undefined
  })

  /** Traces have no trash: it says so first. */
  async function remove(some: Trace[]): Promise<boolean> {
    const yes = await ask({
      title: `Delete ${formatCount(some.length, 'trace')} for good?`,
      body: 'Its spans, files and assessments go too. This cannot be undone.',
      items: some.map((trace) => trace.name ?? trace.trace_id),
      action: 'Delete',
      danger: true,
    })
    if (!yes) return false
    await attempt('Could not delete', async () => {
      const ids = some.map((trace) => trace.trace_id)
      const { deleted } = await api.deleteTraces(question().experimentId, ids)
      toastDone(`Deleted ${formatCount(deleted, 'trace')}`)
      await queryClient.invalidateQueries({ queryKey: keys.traces(question().experimentId) })
    })
    return true
  }
  return reactive({ query, traces, problem, remove })
}

export type Traces = ReturnType<typeof useTraces>
