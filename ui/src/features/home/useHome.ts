import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { useThrottleFn } from '@vueuse/core'
import { computed } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import { useExperiments } from '@/composables/useExperiments'
import { useTopics } from '@/live'
import { useServer } from '@/shell/useServer'

const SHOWN = 12
const DAY_MS = 86_400_000
/** Whoever logs a thousand points a second need not make this page read a thousand times. */
const REFRESH_MS = 1000

const ENDED = "attributes.status != 'RUNNING' AND attributes.status != 'SCHEDULED'"

/** What goes on in all experiments, kept fresh by the socket. */
export function useHome() {
  const server = useServer()
  const experiments = useExperiments('active')
  const ids = computed(() => (experiments.data.value ?? []).map((item) => item.experiment_id))

  function useRuns(which: string, filter: () => string, order: string, max_results = SHOWN) {
    return useQuery({
      queryKey: computed(() => [...keys.homeRuns(which), ids.value.join()]),
      queryFn: ({ signal }) =>
        api.searchRuns(
          { experiment_ids: ids.value, filter: filter(), order_by: [order], max_results },
          signal,
        ),
      enabled: computed(() => ids.value.length > 0),
      placeholderData: keepPreviousData,
    })
  }
  const running = useRuns(
    'running',
    () => "attributes.status = 'RUNNING'",
    'attributes.start_time DESC',
  )
  const recent = useRuns('recent', () => ENDED, 'attributes.end_time DESC')
  const failed = useRuns(
    'failed',
    () => `attributes.status = 'FAILED' AND attributes.end_time > ${Date.now() - DAY_MS}`,
    'attributes.end_time DESC',
    1,
  )

  const refresh = useThrottleFn(
    () => void queryClient.invalidateQueries({ queryKey: ['home-runs'] }),
    REFRESH_MS,
    true,
  )
  useTopics(['experiments'], { onMessage: () => void refresh(), onResync: () => void refresh() })

  const nameOf = computed(
    () => new Map((experiments.data.value ?? []).map((item) => [item.experiment_id, item.name])),
  )
  return { server, experiments, running, recent, failed, nameOf }
}
