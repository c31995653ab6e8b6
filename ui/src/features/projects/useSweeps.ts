import { useQuery } from '@tanstack/vue-query'
import { useThrottleFn } from '@vueuse/core'
import { computed } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { Sweep } from '@/api/types'
import { ask } from '@/composables/confirm'
import { attempt, toastDone } from '@/composables/toasts'
import { useTopics } from '@/live'

const REFRESH_MS = 400

export const refreshSweeps = () => queryClient.invalidateQueries({ queryKey: keys.sweeps })

/** Sweeps of a project, kept fresh by the socket. */
export function useSweeps(project: () => number) {
  const query = useQuery({
    queryKey: computed(() => [...keys.sweeps, 'of', project()]),
    queryFn: () => api.sweeps(String(project())),
  })
  const refresh = useThrottleFn(() => void refreshSweeps(), REFRESH_MS, true)
  useTopics(['jobs'], { onMessage: () => void refresh(), onResync: () => void refresh() })
  return query
}

export const useSweep = (id: () => string) =>
  useQuery({
    queryKey: computed(() => [...keys.sweeps, 'one', id()]),
    queryFn: () => api.sweep(id()),
    enabled: computed(() => id() !== ''),
  })

/** Jobs that have not ended. */
export function openJobs(sweep: Sweep): number {
  const states = sweep.states as Record<string, number>
  return ['PENDING', 'RETRY', 'RECEIVED', 'STARTED'].reduce((n, s) => n + (states[s] ?? 0), 0)
}

/** How many of how many have ended, in words. */
export function progressOf(sweep: Sweep): string {
  const states = sweep.states as Record<string, number>
  const all = Object.values(states).reduce((n, count) => n + count, 0)
  const failed = states.FAILURE ? `, ${states.FAILURE} failed` : ''
  return `${all - openJobs(sweep)} of ${all} done${failed}`
}

export async function stopSweep(sweep: Sweep): Promise<void> {
  const yes = await ask({
    title: 'Stop the rest of this sweep?',
    body: 'Jobs that have not started never will, and those that run are ended. What is done stays.',
    items: [`${sweep.task} · ${progressOf(sweep)}`],
    action: 'Stop the rest',
    danger: true,
  })
  if (!yes) return
  await attempt('The sweep could not be stopped', async () => {
    const { stopped } = await api.stopSweep(sweep.sweep_id)
    toastDone('Stopped', `${stopped} jobs`)
    await refreshSweeps()
  })
}
