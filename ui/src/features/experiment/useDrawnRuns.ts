import { useQuery } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import * as api from '@/api/calls'
import type { Run } from '@/api/types'
import type { ChartRun } from '@/charts/model'

/** The drawn runs whole: from the table, and those that it does not hold from the server. */
export function useDrawnRuns(
  experimentId: string,
  rows: Ref<Run[]>,
  drawnIds: Ref<string[]>,
  slots: Ref<Map<string, number>>,
) {
  const byId = computed(() => new Map(rows.value.map((run) => [run.run_id, run])))
  const absent = computed(() => drawnIds.value.filter((id) => !byId.value.has(id)))
  const others = useQuery({
    queryKey: ['drawn-runs', experimentId, absent],
    enabled: () => absent.value.length > 0,
    queryFn: () =>
      api.searchRuns({
        experiment_ids: [experimentId],
        filter: `attributes.run_id IN (${absent.value.map((id) => `'${id}'`).join(', ')})`,
        view: 'all',
        max_results: absent.value.length,
      }),
    placeholderData: (before) => before,
  })
  const runs = computed<Run[]>(() => {
    const extra = new Map((others.data.value?.runs ?? []).map((run) => [run.run_id, run]))
    return drawnIds.value.flatMap((id) => byId.value.get(id) ?? extra.get(id) ?? [])
  })
  const chartRuns = computed<ChartRun[]>(() =>
    runs.value.map((run) => ({
      id: run.run_id,
      name: run.name,
      slot: slots.value.get(run.run_id) ?? 0,
      startedAt: run.started_at ? Date.parse(run.started_at) : undefined,
      running: run.status === 'RUNNING',
    })),
  )
  /** As text first, so that new points alone do not count as new keys. */
  const keyText = computed(() =>
    JSON.stringify([...new Set(runs.value.flatMap((run) => Object.keys(run.metrics)))].sort()),
  )
  const keys = computed(() => JSON.parse(keyText.value) as string[])
  return { runs, chartRuns, keys }
}
