import { useQuery } from '@tanstack/vue-query'
import { watch } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { live } from '@/live'

/** The server about itself; sizes are read again now and then, all else is told by the socket. */
export function useServer() {
  const query = useQuery({
    queryKey: keys.server,
    queryFn: api.server,
    refetchInterval: 20_000,
    staleTime: 10_000,
  })
  watch(
    () => query.data.value?.cursor,
    (cursor) => {
      if (cursor) live.sawCursor(cursor)
    },
    { immediate: true },
  )
  return query
}
