import { useMutation, useQuery } from '@tanstack/vue-query'
import { computed, ref } from 'vue'
import * as api from '@/api/calls'
import { ApiError } from '@/api/errors'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { Connect } from '@/api/types'
import { useServer } from '@/shell/useServer'
import { trackingUri } from './snippet'

const DAY_MS = 86_400_000
/** How long a new token lasts: the server's usual, days, or until it is revoked. */
export type Lasts = '' | '365' | 'never'
export const lasts = ref<Lasts>('')

function ending(): { expires_at?: string | null } {
  if (lasts.value === '') return {}
  if (lasts.value === 'never') return { expires_at: null }
  return { expires_at: new Date(Date.now() + Number(lasts.value) * DAY_MS).toISOString() }
}

/** How a client reaches this server. A token is made only when somebody asks, once per window. */
export function useConnection() {
  const { data: server } = useServer()
  const minted = useQuery({
    queryKey: keys.connect,
    queryFn: () => api.connect({ write: false, ...ending() }),
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
    mutationFn: (force: boolean) => {
      const token = connection.value?.token
      // The token that is on the page goes into the file, too.
      const which = token ? { known: [token] } : ending()
      return api.connect({ write: true, force, ...which })
    },
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
