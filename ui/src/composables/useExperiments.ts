import { useQuery } from '@tanstack/vue-query'
import { toValue, type MaybeRefOrGetter } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { Experiment, View } from '@/api/types'
import { useTopics } from '@/live'

const PAGE = 1000

async function readAll(view: View): Promise<Experiment[]> {
  const all: Experiment[] = []
  let page_token: string | undefined
  do {
    const page = await api.experiments({
      view,
      max_results: PAGE,
      ...(page_token ? { page_token } : {}),
    })
    all.push(...page.experiments)
    page_token = page.next_page_token ?? undefined
  } while (page_token)
  return all
}

export const refetchExperiments = () =>
  queryClient.invalidateQueries({ queryKey: keys.allExperiments })

/** All experiments of a view, kept fresh by the socket. */
export function useExperiments(view: MaybeRefOrGetter<View> = 'active') {
  useTopics(['experiments'], {
    onMessage: () => void refetchExperiments(),
    onResync: () => void refetchExperiments(),
  })
  return useQuery({
    queryKey: ['experiments', view] as const,
    queryFn: () => readAll(toValue(view)),
    placeholderData: (before) => before,
  })
}
