import { useQueries } from '@tanstack/vue-query'
import { computed, ref, type Ref } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import type { ArtifactFile, ArtifactList } from '@/api/types'

export interface TreeRow {
  file: ArtifactFile
  level: number
  open: boolean
  loading: boolean
}

/** Folders are read when they are opened; the open ones make one flat list of rows. */
export function useArtifactTree(runId: string, selected: Ref<string>) {
  const openPaths = ref<string[]>(parentsOf(selected.value))
  const paths = computed(() => ['', ...openPaths.value])
  const lists = useQueries({
    queries: computed(() =>
      paths.value.map((path) => ({
        queryKey: keys.artifacts('run', runId, path),
        queryFn: () => api.runArtifacts(runId, path || undefined),
      })),
    ),
  })
  const listOf = (path: string) => lists.value[paths.value.indexOf(path)]

  const rows = computed<TreeRow[]>(() => walk('', 0))
  function walk(path: string, level: number): TreeRow[] {
    const list: ArtifactList | undefined = listOf(path)?.data
    const files = [...(list?.files ?? [])].sort(
      (a, b) =>
        Number(b.is_dir) - Number(a.is_dir) ||
        a.name.localeCompare(b.name, 'en', { numeric: true }),
    )
    return files.flatMap((file) => {
      const open = file.is_dir && openPaths.value.includes(file.path)
      const loading = open && (listOf(file.path)?.isPending ?? false)
      return [{ file, level, open, loading }, ...(open ? walk(file.path, level + 1) : [])]
    })
  }

  function toggle(path: string): void {
    openPaths.value = openPaths.value.includes(path)
      ? openPaths.value.filter((other) => other !== path && !other.startsWith(`${path}/`))
      : [...openPaths.value, path]
  }

  const root = computed(() => listOf(''))
  const selectedRow = computed(() => rows.value.find((row) => row.file.path === selected.value))
  return { rows, root, toggle, selectedRow }
}

/** a/b/c.txt lies in a and a/b. */
export function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/')).filter(Boolean)
}
