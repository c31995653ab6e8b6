import { QueryClient } from '@tanstack/vue-query'
import { isTransient } from './errors'

/**
 * Reads are local and the socket says what changed: nothing is refetched on a hunch. But what
 * nobody showed, nobody listened for: a page that comes back shows what it knew and reads again.
 */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      gcTime: 10 * 60_000,
      refetchOnMount: 'always',
      refetchOnWindowFocus: false,
      retry: (failures, error) => isTransient(error) && failures < 4,
      retryDelay: (attempt) => Math.min(4_000, 300 * 2 ** attempt),
    },
  },
})
