import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/vue-query'
import { useThrottleFn } from '@vueuse/core'
import { computed, nextTick } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { Schedule } from '@/api/types'
import { ask } from '@/composables/confirm'
import { attempt, toastDone } from '@/composables/toasts'
import { joinCommand } from '@/features/jobs/command'
import { useTopics } from '@/live'

const REFRESH_MS = 300

export const refreshSchedules = () => queryClient.invalidateQueries({ queryKey: keys.schedules })

/** The schedules; kept fresh by the socket. A job's end is news of the schedule's, too. */
export function useSchedules() {
  const query = useQuery({ queryKey: [...keys.schedules, 'list'], queryFn: api.schedules })
  const refresh = useThrottleFn(() => void refreshSchedules(), REFRESH_MS, true)
  useTopics(['schedules', 'jobs'], {
    onMessage: () => void refresh(),
    onResync: () => void refresh(),
  })
  const schedules = computed(() => query.data.value?.schedules ?? [])
  return { query, schedules }
}

/** The times of one schedule, newest first. */
export const useHistory = (id: () => string, wanted: () => boolean) =>
  useInfiniteQuery({
    queryKey: computed(() => [...keys.schedules, 'history', id()]),
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      api.scheduleHistory(id(), pageParam ? { page_token: pageParam } : {}),
    getNextPageParam: (page) => page.next_page_token ?? undefined,
    placeholderData: keepPreviousData,
    enabled: computed(wanted),
  })

/** The parts of a job as it is asked for that a form and a list show. */
export interface JobRequest {
  command?: string[]
  task?: string
  args?: unknown[]
  cwd?: string
  queue?: string
  max_retries?: number
  time_limit?: number
  unique_key?: string
}
export const requestOf = (schedule: Schedule) => schedule.job as JobRequest

/** What a schedule does, in a line. */
export function doing(schedule: Schedule): string {
  const job = requestOf(schedule)
  return job.command ? joinCommand(job.command) : (job.task ?? '')
}

export const setEnabled = (schedule: Schedule, enabled: boolean) =>
  attempt(`Could not change ${schedule.name}`, async () => {
    await api.updateSchedule(schedule.id, { enabled })
    await refreshSchedules()
  })

export const runNow = (schedule: Schedule) =>
  attempt('Could not queue the job', async () => {
    const job = await api.runSchedule(schedule.id)
    toastDone(job.attempt > 0 ? 'The job before has not ended' : 'Queued')
    await refreshSchedules()
  })

/** `leave` is called before it goes: who shows it would ask for what is not there. */
export async function deleteSchedule(schedule: Schedule, leave: () => void): Promise<void> {
  const yes = await ask({
    title: 'Delete this schedule?',
    body: 'It fires no more and its history goes. The jobs that it queued stay. This cannot be undone.',
    items: [schedule.name],
    action: 'Delete',
    danger: true,
  })
  if (!yes) return
  await attempt('Could not delete the schedule', async () => {
    leave()
    await nextTick()
    await api.deleteSchedule(schedule.id)
    await refreshSchedules()
  })
}
