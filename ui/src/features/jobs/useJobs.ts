import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/vue-query'
import { useThrottleFn } from '@vueuse/core'
import { computed, reactive } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { Job } from '@/api/types'
import { ask } from '@/composables/confirm'
import { attempt, toastDone } from '@/composables/toasts'
import { useTopics } from '@/live'
import { titleOf } from './columns'

const REFRESH_MS = 300
const MOST_IN_FILE = 100_000

/** Which states a person asks for at once. */
export const VIEWS = {
  all: [],
  waiting: ['PENDING', 'RETRY'],
  running: ['RECEIVED', 'STARTED'],
  failed: ['FAILURE', 'REVOKED'],
  done: ['SUCCESS'],
} as const
export type JobView = keyof typeof VIEWS

export const hasEnded = (job: Job) => ['SUCCESS', 'FAILURE', 'REVOKED'].includes(job.status)

export { titleOf }

/** What a job was asked with, in a line. */
export const argumentsOf = (job: Job) =>
  Object.entries((job.kwargs ?? {}) as Record<string, unknown>)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(', ')

export interface Progress {
  /** 0 to 1; absent where the job says only words. */
  share: number | undefined
  text: string
}

/** What a running job says of itself. */
export function progressOf(job: Job): Progress | undefined {
  const meta = job.meta as { progress?: unknown; text?: unknown } | null | undefined
  if (!meta || typeof meta !== 'object') return undefined
  const share = typeof meta.progress === 'number' ? meta.progress : undefined
  const text = typeof meta.text === 'string' ? meta.text : ''
  if (share === undefined && !text) return undefined
  return { share: share === undefined ? undefined : Math.min(1, Math.max(0, share)), text }
}

export const refreshJobs = () => queryClient.invalidateQueries({ queryKey: keys.jobs })

/** Jobs, page by page, and the queues; kept fresh by the socket. */
export function useJobs(view: () => JobView, filter: () => string, order: () => string) {
  const wanted = () => ({
    state: [...VIEWS[view()]],
    ...(filter() ? { filter: filter() } : {}),
    ...(order() ? { order_by: order() } : {}),
  })
  const query = useInfiniteQuery({
    queryKey: computed(() => [...keys.jobs, 'list', view(), filter(), order()]),
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      api.jobs({
        ...wanted(),
        ...(pageParam ? { page_token: pageParam } : {}),
      }),
    getNextPageParam: (page) => page.next_page_token ?? undefined,
    placeholderData: keepPreviousData,
  })
  const queues = useQuery({ queryKey: [...keys.jobs, 'queues'], queryFn: api.queues })
  const refresh = useThrottleFn(() => void refreshJobs(), REFRESH_MS, true)
  useTopics(['jobs'], { onMessage: () => void refresh(), onResync: () => void refresh() })
  const jobs = computed(() => query.data.value?.pages.flatMap((page) => page.jobs) ?? [])

  /** All that match, up to a bound, for a file. */
  async function all(): Promise<Job[]> {
    const found: Job[] = []
    let token: string | undefined
    do {
      const next: Record<string, string> = token ? { page_token: token } : {}
      const page = await api.jobs({ ...wanted(), max_results: 1000, ...next })
      found.push(...page.jobs)
      token = page.next_page_token ?? undefined
    } while (token && found.length < MOST_IN_FILE)
    return found
  }
  return reactive({ query, queues, jobs, all })
}
export type Jobs = ReturnType<typeof useJobs>

export const useJob = (id: () => string, wanted: () => boolean) =>
  useQuery({
    queryKey: computed(() => [...keys.jobs, 'one', id()]),
    queryFn: () => api.job(id()),
    enabled: computed(wanted),
  })

export async function cancelJob(job: Job): Promise<void> {
  if (job.status === 'STARTED') {
    const yes = await ask({
      title: 'Cancel this job?',
      body: 'It is asked to end, and ended with all its processes if it does not.',
      items: [titleOf(job)],
      action: 'Cancel the job',
      danger: true,
    })
    if (!yes) return
  }
  await attempt('Could not cancel the job', async () => {
    await api.cancelJob(job.task_id)
    await refreshJobs()
  })
}

export const retryJob = (job: Job) =>
  attempt('Could not run the job again', async () => {
    await api.retryJob(job.task_id)
    toastDone('Queued again')
    await refreshJobs()
  })

/** `gone` is called before anything is read again: who shows the job would ask for it. */
export async function forgetJob(job: Job, gone: () => void): Promise<void> {
  const yes = await ask({
    title: 'Delete this job?',
    body: 'Its record and its log go. The runs that it made stay. This cannot be undone.',
    items: [titleOf(job)],
    action: 'Delete',
    danger: true,
  })
  if (!yes) return
  await attempt('Could not delete the job', async () => {
    await api.forgetJob(job.task_id)
    gone()
    await refreshJobs()
  })
}
