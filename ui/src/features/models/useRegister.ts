import { useQuery } from '@tanstack/vue-query'
import { computed, ref, watch, type Ref } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { ModelVersion } from '@/api/types'
import { toastDone, toastError } from '@/composables/toasts'
import { aliasProblem } from './registry'
import { refetchModels } from './useModels'

interface Subject {
  runId: string
  modelId?: string | undefined
  source?: string | undefined
  suggestion?: string | undefined
}

/** Registering what a run logged: which of its models, under what name, with what alias. */
export function useRegister(open: Ref<boolean>, subject: Subject) {
  const name = ref('')
  const alias = ref('')
  const modelId = ref('')
  const busy = ref(false)
  const problem = ref<unknown>()

  /** The caller may have said what; otherwise the run's own models are to choose from. */
  const choosing = computed(() => !subject.modelId && !subject.source)
  const logged = useQuery({
    queryKey: keys.runModels(subject.runId),
    queryFn: () => api.runModels(subject.runId),
    enabled: computed(() => open.value && choosing.value),
  })
  const known = useQuery({
    queryKey: [...keys.models, 'names'],
    queryFn: () => api.models({ max_results: 1000 }),
    enabled: open,
  })
  const choices = computed(() => logged.data.value?.models ?? [])
  const names = computed(() => known.data.value?.models ?? [])
  const existing = computed(() => names.value.find((model) => model.name === name.value.trim()))
  const wantedAlias = computed(() => alias.value.trim().replace(/^@/, ''))
  const badAlias = computed(() => aliasProblem(wantedAlias.value))
  const movedFrom = computed(
    () => existing.value?.aliases.find((item) => item.alias === wantedAlias.value)?.version,
  )
  const ready = computed(
    () => name.value.trim() !== '' && !badAlias.value && (!choosing.value || modelId.value !== ''),
  )

  watch(
    open,
    (now) => {
      if (!now) return
      name.value = subject.suggestion ?? ''
      alias.value = ''
      modelId.value = ''
      problem.value = undefined
    },
    { immediate: true },
  )
  watch(
    [open, choices],
    ([now, all]) => {
      if (now && choosing.value && !modelId.value) modelId.value = all[0]?.model_id ?? ''
    },
    { immediate: true },
  )

  async function make(wanted: string): Promise<ModelVersion> {
    const id = subject.modelId ?? modelId.value
    const fresh = !existing.value
    if (fresh) await api.createModel(wanted)
    try {
      return await api.createVersion(wanted, {
        run_id: subject.runId,
        ...(subject.source ? { source: subject.source } : {}),
        ...(id ? { model_id: id } : {}),
      })
    } catch (error) {
      // A name without a version is not what was asked for.
      if (fresh) await api.deleteModel(wanted).catch(() => undefined)
      throw error
    }
  }

  async function submit(): Promise<ModelVersion | undefined> {
    if (!ready.value || busy.value) return undefined
    busy.value = true
    problem.value = undefined
    try {
      const version = await make(name.value.trim())
      const named = await point(version)
      await refetchModels([version.name])
      await queryClient.invalidateQueries({ queryKey: keys.runModels(subject.runId) })
      toastDone(
        `Registered ${version.name} version ${version.version}`,
        named ? `@${named}` : undefined,
      )
      open.value = false
      return version
    } catch (error) {
      problem.value = error
      return undefined
    } finally {
      busy.value = false
    }
  }

  /** The version is there by now: a refused alias is told, and takes nothing back. */
  async function point(version: ModelVersion): Promise<string | undefined> {
    if (!wantedAlias.value) return undefined
    try {
      await api.setAlias(version.name, wantedAlias.value, version.version)
      return wantedAlias.value
    } catch (error) {
      toastError(`Version ${version.version} is there, but not its alias`, error)
      return undefined
    }
  }

  return {
    name,
    alias,
    modelId,
    busy,
    problem,
    choosing,
    logged,
    choices,
    names,
    existing,
    badAlias,
    movedFrom,
    ready,
    submit,
  }
}
