import { reactive } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { Experiment } from '@/api/types'
import { refetchExperiments } from '@/composables/useExperiments'
import { attempt, toastDone, toastUndo } from '@/composables/toasts'
import { formatCount } from '@/lib/format'

interface Target {
  open: boolean
  item: Experiment | undefined
}

const target = () => reactive<Target>({ open: false, item: undefined })

async function changed(id?: string): Promise<void> {
  if (id) await queryClient.invalidateQueries({ queryKey: keys.experiment(id) })
  await Promise.all([
    refetchExperiments(),
    queryClient.invalidateQueries({ queryKey: keys.server }),
  ])
}

/** What can be done to an experiment, from its row and from its page. */
export function useExperimentActions() {
  const renaming = target()
  const noting = target()
  const tagging = target()

  function begin(which: Target, item: Experiment): void {
    which.item = item
    which.open = true
  }

  async function patch(which: Target, body: Parameters<typeof api.patchExperiment>[1]) {
    if (!which.item) return
    const id = which.item.experiment_id
    await api.patchExperiment(id, body)
    which.open = false
    await changed(id)
  }

  async function restore(item: Experiment): Promise<void> {
    await api.restoreExperiment(item.experiment_id)
    await changed(item.experiment_id)
    toastDone(`Restored ${item.name}`, formatCount(item.run_count, 'run'))
  }

  return reactive({
    renaming,
    noting,
    tagging,
    beginRename: (item: Experiment) => begin(renaming, item),
    beginNote: (item: Experiment) => begin(noting, item),
    beginTags: (item: Experiment) => begin(tagging, item),
    async create(name: string): Promise<Experiment> {
      const made = await api.createExperiment(name)
      await changed()
      return made
    },
    rename: (name: string) => patch(renaming, { name }),
    note: (note: string) => patch(noting, { note }),
    tag: (tags: Record<string, string | null>) => patch(tagging, { tags }),
    async remove(item: Experiment): Promise<boolean> {
      const done = await attempt(`Could not delete ${item.name}`, () =>
        api.deleteExperiment(item.experiment_id),
      )
      if (!done) return false
      await changed(item.experiment_id)
      toastUndo(`Deleted ${item.name}`, () => restore(item))
      return true
    },
    restore: (item: Experiment) => attempt(`Could not restore ${item.name}`, () => restore(item)),
  })
}

export type ExperimentActions = ReturnType<typeof useExperimentActions>
