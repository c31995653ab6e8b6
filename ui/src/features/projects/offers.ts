import type { ProjectDetail, Sweep } from '@/api/types'
import { progressOf } from './useSweeps'

/** What of a project is shown: `task:tasks.train`, `entry:main`, `notebook:a.ipynb`, `sweep:<id>`. */
export function parseOffer(shown: string): { kind: string; name: string } {
  const at = shown.indexOf(':')
  return { kind: shown.slice(0, at), name: shown.slice(at + 1) }
}

export interface OfferGroup {
  title: string
  items: { id: string; name: string; note: string }[]
}

/** What a project offers, group by group. */
export function groupsOf(project: ProjectDetail, sweeps: Sweep[] = []): OfferGroup[] {
  const line = (doc: string) => doc.split('\n')[0] ?? ''
  return [
    {
      title: 'Tasks',
      items: project.tasks.map(({ name, doc }) => ({ id: `task:${name}`, name, note: line(doc) })),
    },
    {
      title: 'Entry points',
      items: project.entry_points.map(({ name, command }) => ({
        id: `entry:${name}`,
        name,
        note: command,
      })),
    },
    {
      title: 'Notebooks',
      items: project.notebooks.map((path) => ({ id: `notebook:${path}`, name: path, note: '' })),
    },
    {
      title: 'Sweeps',
      items: sweeps.map((sweep) => ({
        id: `sweep:${sweep.sweep_id}`,
        name: sweep.task,
        note: progressOf(sweep),
      })),
    },
  ].filter(({ items }) => items.length > 0)
}

export const firstOffer = (project: ProjectDetail) => groupsOf(project)[0]?.items[0]?.id ?? ''
