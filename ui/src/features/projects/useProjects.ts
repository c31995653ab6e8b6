import { useQuery } from '@tanstack/vue-query'
import { useThrottleFn } from '@vueuse/core'
import { computed } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { Project } from '@/api/types'
import { ask } from '@/composables/confirm'
import { user } from '@/composables/session'
import { attempt, toastDone } from '@/composables/toasts'
import { useTopics } from '@/live'

const REFRESH_MS = 300
/** Nobody tells of a file that somebody saves: it is looked while somebody sees the project. */
const LOOK_MS = 3000

export const refreshProjects = () => queryClient.invalidateQueries({ queryKey: keys.projects })

/** The projects, kept fresh by the socket. */
export function useProjects() {
  const query = useQuery({ queryKey: [...keys.projects, 'list'], queryFn: api.projects })
  const refresh = useThrottleFn(() => void refreshProjects(), REFRESH_MS, true)
  useTopics(() => (user.value?.is_superuser ? ['projects'] : []), {
    onMessage: () => void refresh(),
    onResync: () => void refresh(),
  })
  return query
}

/** A project with what it offers now. */
export const useProject = (id: () => number | undefined) =>
  useQuery({
    queryKey: computed(() => [...keys.projects, 'one', id()]),
    queryFn: () => api.project(id() as number),
    enabled: computed(() => id() !== undefined),
    refetchOnWindowFocus: true,
    refetchInterval: LOOK_MS,
  })

/** The newest jobs of a project, kept fresh by the socket. */
export function useProjectJobs(id: () => number) {
  const query = useQuery({
    queryKey: computed(() => [...keys.jobs, 'project', id()]),
    queryFn: () => api.jobs({ project: id(), max_results: 50 }),
  })
  const refresh = useThrottleFn(() => void query.refetch(), REFRESH_MS, true)
  useTopics(['jobs'], { onMessage: () => void refresh(), onResync: () => void refresh() })
  return query
}

export const scanProject = (project: Project) =>
  attempt('The folder could not be read', async () => {
    await api.scanProject(project.id)
    await refreshProjects()
    toastDone('Read again', project.path)
  })

export async function removeProject(project: Project): Promise<void> {
  const yes = await ask({
    title: 'Remove this project?',
    body: 'Its folder stays as it is, and so do its jobs and runs. It can be opened again.',
    items: [`${project.name} · ${project.path}`],
    action: 'Remove',
    danger: true,
  })
  if (!yes) return
  await attempt('The project could not be removed', async () => {
    await api.removeProject(project.id)
    await refreshProjects()
  })
}
