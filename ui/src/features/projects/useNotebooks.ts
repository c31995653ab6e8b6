import { useQuery } from '@tanstack/vue-query'
import { useThrottleFn } from '@vueuse/core'
import { computed } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { NotebookServer } from '@/api/types'
import { attempt } from '@/composables/toasts'
import { openExternal } from '@/host'
import { useTopics } from '@/live'
import { readNotebook } from '@/lib/notebook'

const REFRESH_MS = 300
/** Seconds that Jupyter has to answer. */
const PATIENCE = 120

const refreshServers = () => queryClient.invalidateQueries({ queryKey: keys.notebookServers })

/** The JupyterLab of a project, while it runs. */
export function useNotebookServer(project: () => number) {
  const query = useQuery({ queryKey: keys.notebookServers, queryFn: api.notebookServers })
  const refresh = useThrottleFn(() => void refreshServers(), REFRESH_MS, true)
  useTopics(['jobs'], { onMessage: () => void refresh(), onResync: () => void refresh() })
  return computed(() => query.data.value?.servers.find((server) => server.project_id === project()))
}

/** The address of one notebook in a JupyterLab. */
export function addressOf(url: string, path?: string): string {
  if (!path) return url
  const place = path.split('/').map(encodeURIComponent).join('/')
  return url.replace('/lab?', `/lab/tree/${place}?`)
}

/** Starts JupyterLab where it does not run, and opens it. */
export const openJupyter = (project: number, path?: string) =>
  attempt('JupyterLab could not be started', async () => {
    const server = await api.startNotebooks(project, PATIENCE)
    await refreshServers()
    if (!server.url)
      throw new Error(server.message ?? 'It does not answer; its job’s log says why.')
    await openExternal(addressOf(server.url, path))
  })

export const stopJupyter = (server: NotebookServer) =>
  attempt('JupyterLab could not be stopped', async () => {
    await api.stopNotebooks(server.task_id)
    await refreshServers()
  })

export const useNotebook = (project: () => number, path: () => string) =>
  useQuery({
    queryKey: computed(() => [...keys.projects, 'notebook', project(), path()]),
    queryFn: async () => {
      const cells = readNotebook(await api.notebook(project(), path()))
      if (!cells) throw new Error('The file is no notebook of the fourth format.')
      return cells
    },
    refetchOnWindowFocus: true,
  })
