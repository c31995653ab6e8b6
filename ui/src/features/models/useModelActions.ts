import { reactive } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { ModelVersion, RegisteredModel } from '@/api/types'
import { ask } from '@/composables/confirm'
import { attempt, toastDone } from '@/composables/toasts'
import { goesWithModel, goesWithVersion, isPrompt } from './registry'
import { refetchModels } from './useModels'

const STAYS = 'The runs, their logged models and their files stay. This cannot be undone.'

/** What can be done to a registered model, from its row and from its page. */
export function useModelActions() {
  const renaming = reactive<{ open: boolean; name: string }>({ open: false, name: '' })

  return reactive({
    renaming,
    beginRename(model: RegisteredModel): void {
      renaming.name = model.name
      renaming.open = true
    },
    async rename(name: string): Promise<void> {
      await api.patchModel(renaming.name, { name })
      renaming.open = false
      await refetchModels([renaming.name, name])
    },
    async create(name: string): Promise<void> {
      await api.createModel(name)
      await refetchModels([name])
    },
    /** Answers whether the model went. */
    async remove(model: RegisteredModel, versions?: readonly ModelVersion[]): Promise<boolean> {
      const prompt = isPrompt(model.tags)
      const one = prompt ? 'prompt' : 'registered model'
      const yes = await ask({
        title: `Delete ${model.name}?`,
        body: model.version_count
          ? `The ${one} goes with everything listed here. ${prompt ? 'This cannot be undone.' : STAYS}`
          : `The ${one} has no versions. This cannot be undone.`,
        items: model.version_count ? goesWithModel(model, versions) : [],
        action: `Delete ${prompt ? 'prompt' : 'model'}`,
        danger: true,
      })
      if (!yes) return false
      const done = await attempt(`Could not delete ${model.name}`, () =>
        api.deleteModel(model.name),
      )
      if (!done) return false
      queryClient.removeQueries({ queryKey: keys.model(model.name) })
      await refetchModels([])
      toastDone(`Deleted ${model.name}`)
      return true
    },
    async removeVersion(version: ModelVersion): Promise<boolean> {
      const yes = await ask({
        title: `Delete version ${version.version} of ${version.name}?`,
        body: `${version.aliases.length ? 'Code that loads it by its aliases will no longer find it. ' : ''}${isPrompt(version.tags) ? 'This cannot be undone.' : STAYS}`,
        items: [goesWithVersion(version)],
        action: 'Delete version',
        danger: true,
      })
      if (!yes) return false
      const what = `version ${version.version} of ${version.name}`
      const done = await attempt(`Could not delete ${what}`, () =>
        api.deleteVersion(version.name, version.version),
      )
      if (!done) return false
      await refetchModels([version.name])
      toastDone(`Deleted ${what}`)
      return true
    },
  })
}

export type ModelActions = ReturnType<typeof useModelActions>
