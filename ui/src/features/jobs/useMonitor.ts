import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { useThrottleFn } from '@vueuse/core'
import { computed, reactive } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { Queue } from '@/api/types'
import { attempt } from '@/composables/toasts'
import { useTopics } from '@/live'
import { limitsOf } from './monitor'
import { refreshJobs } from './useJobs'

/** Changes what limits jobs, and shows it. */
export const change = (what: string, act: () => Promise<unknown>) =>
  attempt(`Could not change ${what}`, async () => {
    await act()
    await refreshJobs()
  })

export const setQueue = (queue: Queue, body: api.QueueChange) =>
  change(queue.name, () => api.setQueue(queue.name, body))

const REFRESH_MS = 500
/** Time goes on also when nothing happens. */
const STEP_MS = 60_000

/** Numbers of jobs, what they came to over time, the queues and the rates; kept fresh by the socket. */
export function useMonitor(minutes: () => number) {
  const key = [...keys.jobs, 'monitor']
  const stats = useQuery({ queryKey: [...key, 'stats'], queryFn: api.jobStats })
  const history = useQuery({
    queryKey: computed(() => [...key, 'history', minutes()]),
    queryFn: () => api.jobHistory(minutes()),
    placeholderData: keepPreviousData,
    refetchInterval: STEP_MS,
  })
  const queues = useQuery({ queryKey: [...keys.jobs, 'queues'], queryFn: api.queues })
  const rates = useQuery({ queryKey: [...key, 'rates'], queryFn: api.jobRates })
  const times = useQuery({ queryKey: [...key, 'limits'], queryFn: api.jobLimits })
  const limits = computed(() =>
    limitsOf(rates.data.value?.rates ?? {}, times.data.value?.limits ?? {}),
  )
  const refresh = useThrottleFn(
    () => void queryClient.invalidateQueries({ queryKey: keys.jobs }),
    REFRESH_MS,
    true,
  )
  useTopics(['jobs'], { onMessage: () => void refresh(), onResync: () => void refresh() })
  const tiles = computed(() => {
    const states = stats.data.value?.states ?? {}
    const of = (...names: string[]) => names.reduce((sum, name) => sum + (states[name] ?? 0), 0)
    return [
      { id: 'active', label: 'Active', count: of('RECEIVED', 'STARTED') },
      { id: 'processed', label: 'Processed', count: of('SUCCESS', 'FAILURE', 'REVOKED') },
      { id: 'failed', label: 'Failed', count: of('FAILURE') },
      { id: 'succeeded', label: 'Succeeded', count: of('SUCCESS') },
      { id: 'retried', label: 'Retried', count: stats.data.value?.retried ?? 0 },
    ]
  })
  return reactive({ stats, history, queues, limits, tiles })
}
export type Monitor = ReturnType<typeof useMonitor>
