import { useQuery } from '@tanstack/vue-query'
import { useThrottleFn } from '@vueuse/core'
import { computed } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import { useTopics } from '@/live'

const REFRESH_MS = 600

/** One run, its summaries and what the socket says of it. */
export function useRun(runId: string) {
  const run = useQuery({ queryKey: keys.run(runId), queryFn: () => api.run(runId) })
  const metrics = useQuery({
    queryKey: keys.runMetrics(runId),
    queryFn: () => api.runMetrics(runId),
  })
  const experimentId = computed(() => run.data.value?.experiment_id)
  const experiment = useQuery({
    queryKey: ['experiment', experimentId] as const,
    queryFn: () => api.experiment(experimentId.value ?? ''),
    enabled: () => experimentId.value !== undefined,
  })

  const refresh = useThrottleFn(
    () => queryClient.invalidateQueries({ queryKey: keys.run(runId) }),
    REFRESH_MS,
    true,
    true,
  )
  const artifacts = () => queryClient.invalidateQueries({ queryKey: ['artifacts', 'run', runId] })

  useTopics([`run/${runId}`, `run/${runId}/metrics`], {
    onMessage: ({ kind }) => {
      if (kind === 'artifacts') void artifacts()
      // keys.run is the beginning of the keys of its metrics and models: they follow.
      else void refresh()
    },
    onResync: () => {
      void refresh()
      void artifacts()
    },
  })
  return { run, metrics, experiment }
}
