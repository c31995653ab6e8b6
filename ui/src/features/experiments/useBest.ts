import { useQueries } from '@tanstack/vue-query'
import { computed } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import type { Experiment, Run } from '@/api/types'
import { metricOf } from '@/lib/filter'
import { formatMetric } from '@/lib/format'
import { goalOf } from './goal'

export interface Best {
  metric: string
  value: string
  run: Run
  /** Whether the lowest value is the best. */
  lowest: boolean
}

/** The best run of each experiment whose runs were ordered by a metric. */
export function useBest(experiments: () => Experiment[]) {
  const asked = computed(() =>
    experiments().flatMap((item) => {
      const order = goalOf(item.experiment_id)
      const metric = metricOf(order)
      return metric === undefined ? [] : [{ item, order, metric }]
    }),
  )
  const answers = useQueries({
    queries: computed(() =>
      asked.value.map(({ item, order }) => ({
        // Activity is part of the name: a run that ended is a reason to ask again.
        queryKey: keys.bestRun(item.experiment_id, order, item.last_activity_at ?? ''),
        queryFn: ({ signal }: { signal: AbortSignal }) =>
          api.searchRuns(
            { experiment_ids: [item.experiment_id], order_by: [order], max_results: 1 },
            signal,
          ),
      })),
    ),
  })
  return computed(() => {
    const best = new Map<string, Best>()
    asked.value.forEach(({ item, order, metric }, index) => {
      const run = answers.value[index]?.data?.runs[0]
      const value = run?.metrics[metric]?.value
      if (!run || value == null) return
      const lowest = order.endsWith(' ASC')
      best.set(item.experiment_id, { metric, value: formatMetric(value, 4), run, lowest })
    })
    return best
  })
}
