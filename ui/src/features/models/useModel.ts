import { useQuery } from '@tanstack/vue-query'
import { computed } from 'vue'
import { useRouter } from 'vue-router'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import type { ModelVersion } from '@/api/types'
import { useUrlState } from '@/composables/urlState'
import { refetchModels, useModelsTopic } from './useModels'

/** One registered model with its versions, and which of them is looked at. */
export function useModel(name: string) {
  const router = useRouter()
  const query = useQuery({ queryKey: keys.model(name), queryFn: () => api.model(name) })
  useModelsTopic()

  const versions = computed<ModelVersion[]>(() =>
    [...(query.data.value?.versions ?? [])].sort((a, b) => b.version - a.version),
  )
  const wanted = useUrlState().text('v')
  const selected = computed(
    () => versions.value.find((item) => String(item.version) === wanted.value) ?? versions.value[0],
  )

  async function done<T>(call: Promise<T>): Promise<T> {
    const answer = await call
    await refetchModels([name])
    return answer
  }

  return {
    query,
    model: computed(() => query.data.value),
    versions,
    selected,
    select: (version: number) => (wanted.value = String(version)),
    describe: (description: string) => done(api.patchModel(name, { description })),
    tag: (tags: Record<string, string | null>) => done(api.patchModel(name, { tags })),
    async rename(to: string): Promise<void> {
      await api.patchModel(name, { name: to })
      await router.replace({
        name: 'model',
        params: { name: to },
        query: router.currentRoute.value.query,
      })
      await refetchModels([to])
    },
    describeVersion: (version: number, description: string) =>
      done(api.patchVersion(name, version, { description })),
    tagVersion: (version: number, tags: Record<string, string | null>) =>
      done(api.patchVersion(name, version, { tags })),
    setAlias: (alias: string, version: number) => done(api.setAlias(name, alias, version)),
    removeAlias: (alias: string) => done(api.deleteAlias(name, alias)),
  }
}

export type ModelState = ReturnType<typeof useModel>
