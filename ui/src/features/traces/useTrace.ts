import { useQuery } from '@tanstack/vue-query'
import { computed } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import { useTopics } from '@/live'

/** One trace with the spans that have arrived, kept fresh while it goes on. */
export function useTrace(id: () => string) {
  const query = useQuery({
    queryKey: computed(() => keys.trace(id())),
    queryFn: () => api.trace(id()),
  })
  const refresh = () => void queryClient.invalidateQueries({ queryKey: keys.trace(id()) })
  const topics = computed(() => {
    const experiment = query.data.value?.trace.experiment_id
    return experiment ? [`experiment/${experiment}/traces`] : []
  })
  useTopics(topics, {
    onMessage: ({ data }) => {
      const { trace_ids: changed } = (data ?? {}) as { trace_ids?: string[] }
      if (changed?.includes(id())) refresh()
    },
    onResync: refresh,
  })
  return query
}
