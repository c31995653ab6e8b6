/** What an item may point to, and where that is in the window. Pure; tested. */
import type { RouteLocationRaw } from 'vue-router'
import type { ItemLink } from '@/api/types'

export const KINDS = [
  { value: 'experiment', label: 'Experiment', hint: 'its id' },
  { value: 'run', label: 'Run', hint: 'its id' },
  { value: 'registered_model', label: 'Model', hint: 'its name' },
  { value: 'model_version', label: 'Version', hint: 'name/version' },
  { value: 'job', label: 'Job', hint: 'its id' },
] as const

export function placeOf(link: ItemLink): RouteLocationRaw | undefined {
  const { kind, id } = link
  switch (kind) {
    case 'experiment':
      return { name: 'experiment', params: { experimentId: id } }
    case 'run':
      return { name: 'run', params: { experimentId: '-', runId: id } }
    case 'registered_model':
      return { name: 'model', params: { name: id } }
    case 'model_version': {
      const cut = id.lastIndexOf('/')
      return {
        name: 'version',
        params: { name: id.slice(0, cut), version: id.slice(cut + 1) },
      }
    }
    case 'job':
      return { name: 'jobs', query: { job: id } }
    default:
      return undefined
  }
}

/** Such as "run 5d41402a". */
export function titleOf({ kind, id }: ItemLink): string {
  const label = KINDS.find(({ value }) => value === kind)?.label.toLowerCase() ?? kind
  return `${label} ${kind === 'run' ? id.slice(0, 8) : id}`
}
