import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { useThrottleFn } from '@vueuse/core'
import { computed } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { Run } from '@/api/types'
import { user } from '@/composables/session'
import { useExperiments } from '@/composables/useExperiments'
import { useTopics } from '@/live'
import { happenings } from './happenings'

const REFRESH_MS = 1000
const SHOWN = 100

/** What went on lately in all that one may see, kept fresh by the socket. */
export function useHappenings() {
  const experiments = useExperiments('active')
  const ids = computed(() => (experiments.data.value ?? []).map((item) => item.experiment_id))
  const names = computed(
    () => new Map((experiments.data.value ?? []).map((item) => [item.experiment_id, item.name])),
  )
  const began = useQuery({
    queryKey: computed(() => [...keys.activity, 'began', ids.value.join()]),
    queryFn: ({ signal }) => lately('attributes.start_time DESC', signal),
    enabled: computed(() => experiments.isSuccess.value),
    placeholderData: keepPreviousData,
  })
  const ended = useQuery({
    queryKey: computed(() => [...keys.activity, 'ended', ids.value.join()]),
    queryFn: ({ signal }) => lately('attributes.end_time DESC', signal),
    enabled: computed(() => experiments.isSuccess.value),
    placeholderData: keepPreviousData,
  })
  const models = useQuery({
    queryKey: [...keys.activity, 'models'],
    queryFn: () => api.models({ order_by: ['last_updated_timestamp DESC'], max_results: SHOWN }),
    placeholderData: keepPreviousData,
  })
  // Jobs are for superusers.
  const sees = computed(() => user.value?.is_superuser === true)
  const jobs = useQuery({
    queryKey: [...keys.activity, 'jobs'],
    queryFn: () => api.jobs({}),
    enabled: sees,
    placeholderData: keepPreviousData,
  })

  async function lately(order: string, signal: AbortSignal): Promise<Run[]> {
    if (ids.value.length === 0) return []
    const body = { experiment_ids: ids.value, order_by: [order], max_results: SHOWN }
    return (await api.searchRuns(body, signal)).runs
  }
  const refresh = useThrottleFn(
    () => void queryClient.invalidateQueries({ queryKey: keys.activity }),
    REFRESH_MS,
    true,
  )
  useTopics(() => ['experiments', 'models', ...(sees.value ? ['jobs'] : [])], {
    onMessage: () => void refresh(),
    onResync: () => void refresh(),
  })

  const queries = [experiments, began, ended, models, jobs]
  const list = computed(() => {
    const runs = [...(began.data.value ?? []), ...(ended.data.value ?? [])]
    const once = [...new Map(runs.map((run) => [run.run_id, run])).values()]
    return happenings(
      once,
      models.data.value?.models ?? [],
      jobs.data.value?.jobs ?? [],
      names.value,
    )
  })
  return {
    list,
    pending: computed(() => queries.some((query) => query.isLoading.value)),
    error: computed(() => queries.find((query) => query.error.value)?.error.value),
    retry: () => queries.forEach((query) => void query.refetch()),
  }
}
