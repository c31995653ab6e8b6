import { useMutation, useQuery } from '@tanstack/vue-query'
import { computed } from 'vue'
import * as api from '@/api/calls'
import { ApiError } from '@/api/errors'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { Connect } from '@/api/types'
import { useServer } from '@/shell/useServer'
import { trackingUri } from './snippet'

/** How a client reaches this server. A token is made only when somebody asks, once per window. */
export function useConnection() {
  const { data: server } = useServer()
  const minted = useQuery({
    queryKey: keys.connect,
    queryFn: () => api.connect({ write: false }),
    enabled: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: Number.POSITIVE_INFINITY,
  })
  const connection = computed(() => minted.data.value)

  async function mint(): Promise<Connect> {
    if (minted.data.value) return minted.data.value
    const { data } = await minted.refetch({ throwOnError: true, cancelRefetch: false })
    if (!data) throw new Error('The server gave no credential.')
    return data
  }

  const writing = useMutation({
    mutationFn: (force: boolean) => api.connect({ write: true, force }),
    onSuccess: (made) => {
      queryClient.setQueryData(keys.connect, made)
      void queryClient.invalidateQueries({ queryKey: keys.tokens })
    },
  })
  /** Set when the file speaks of another server: replacing it is the person's to decide. */
  const conflict = computed(() => {
    const error = writing.error.value
    return error instanceof ApiError && error.status === 409 ? error : undefined
  })

  return {
    server,
    uri: computed(() => connection.value?.tracking_uri ?? trackingUri(server.value?.url, location)),
    /** Whether a client needs a token at all. */
    open: computed(() => server.value?.no_auth === true),
    connection,
    mint: async () => {
      const fresh = !minted.data.value
      const made = await mint()
      if (fresh) void queryClient.invalidateQueries({ queryKey: keys.tokens })
      return made
    },
    minting: minted.isFetching,
    mintError: minted.error,
    writing,
    conflict,
  }
}

export type Connection = ReturnType<typeof useConnection>
