import { keepPreviousData, useInfiniteQuery } from '@tanstack/vue-query'
import { refDebounced } from '@vueuse/core'
import { computed, type Ref } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import { useTopics } from '@/live'
import type { LiveMessage } from '@/live/socket'
import { modelFilter, type Registered } from './registry'

const PAGE = 200
const TYPING_MS = 150

/** Everything that shows a registered model reads again. */
export async function refetchModels(names?: readonly string[]): Promise<void> {
  const details = names
    ? names.map((name) => queryClient.invalidateQueries({ queryKey: keys.model(name) }))
    : [queryClient.invalidateQueries({ queryKey: ['model'] })]
  await Promise.all([
    queryClient.invalidateQueries({ queryKey: keys.models }),
    queryClient.invalidateQueries({ queryKey: keys.server }),
    ...details,
  ])
}

/** Follows the registry for as long as the component lives. */
export function useModelsTopic(): void {
  useTopics(['models'], {
    onMessage: (message: LiveMessage) => {
      const { names } = message.data as { names?: string[] }
      void refetchModels(names)
    },
    onResync: () => void refetchModels(),
  })
}

/** The registered models, or the prompts, that fit what was typed. */
export function useModels(text: Ref<string>, what: Registered) {
  const settled = refDebounced(text, TYPING_MS)
  const filter = computed(() => modelFilter(settled.value, what))
  const query = useInfiniteQuery({
    queryKey: computed(() => [...keys.models, 'list', filter.value ?? '']),
    queryFn: ({ pageParam }) =>
      api.models({
        max_results: PAGE,
        ...(filter.value ? { filter: filter.value } : {}),
        ...(pageParam ? { page_token: pageParam } : {}),
      }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_page_token ?? undefined,
    placeholderData: keepPreviousData,
  })
  useModelsTopic()
  return {
    query,
    models: computed(() => query.data.value?.pages.flatMap((page) => page.models) ?? []),
  }
}
