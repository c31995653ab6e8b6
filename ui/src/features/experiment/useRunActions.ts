import { reactive } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { Run } from '@/api/types'
import { attempt, toastDone, toastUndo } from '@/composables/toasts'
import { formatCount } from '@/lib/format'

/** What can be done to runs, one or many; `changed` lets the list catch up at once. */
export function useRunActions(changed: (ids: string[]) => void) {
  const renaming = reactive<{ open: boolean; run: Run | undefined }>({
    open: false,
    run: undefined,
  })

  function tell(ids: string[]): void {
    changed(ids)
    for (const id of ids) void queryClient.invalidateQueries({ queryKey: keys.run(id) })
    void queryClient.invalidateQueries({ queryKey: keys.allExperiments })
  }

  async function restore(ids: string[]): Promise<boolean> {
    return attempt(`Could not restore ${formatCount(ids.length, 'run')}`, async () => {
      await api.bulkRuns(ids, 'restore')
      tell(ids)
      toastDone(`Restored ${formatCount(ids.length, 'run')}`)
    })
  }

  async function remove(ids: string[], name?: string): Promise<boolean> {
    const what = name ?? formatCount(ids.length, 'run')
    const done = await attempt(`Could not delete ${what}`, () => api.bulkRuns(ids, 'delete'))
    if (!done) return false
    tell(ids)
    toastUndo(`Deleted ${what}`, async () => {
      await api.bulkRuns(ids, 'restore')
      tell(ids)
    })
    return true
  }

  return reactive({
    renaming,
    beginRename(run: Run) {
      renaming.run = run
      renaming.open = true
    },
    async rename(name: string) {
      if (!renaming.run) return
      await api.patchRun(renaming.run.run_id, { name })
      renaming.open = false
      tell([renaming.run.run_id])
    },
    remove,
    restore,
  })
}

export type RunActions = ReturnType<typeof useRunActions>
