import { keepPreviousData, useInfiniteQuery } from '@tanstack/vue-query'
import { computed, reactive, ref, watch, type Ref } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { EmptiedTrash, TrashItem, TrashKind, TrashRef } from '@/api/types'
import { ask } from '@/composables/confirm'
import { attempt, toastDone } from '@/composables/toasts'
import { formatBytes, formatCount } from '@/lib/format'
import { useTopics } from '@/live'
import { describeGone, whatStays } from './describe'

const refsOf = (items: TrashItem[]): TrashRef[] => items.map(({ kind, id }) => ({ kind, id }))

async function refresh(): Promise<void> {
  await Promise.all(
    [keys.trash, keys.allExperiments, keys.server].map((queryKey) =>
      queryClient.invalidateQueries({ queryKey }),
    ),
  )
}

/** One kind of things in the trash, page by page, and what can be done with them. */
export function useTrash(kind: Ref<TrashKind>) {
  useTopics(['experiments'], {
    onMessage: () => void queryClient.invalidateQueries({ queryKey: keys.trash }),
    onResync: () => void queryClient.invalidateQueries({ queryKey: keys.trash }),
  })
  const query = useInfiniteQuery({
    queryKey: ['trash', kind] as const,
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      api.trash({ kind: kind.value, ...(pageParam ? { page_token: pageParam } : {}) }),
    getNextPageParam: (page) => page.next_page_token ?? undefined,
    placeholderData: keepPreviousData,
  })
  const items = computed(() =>
    (query.data.value?.pages.flatMap((page) => page.items) ?? []).filter(
      (item) => item.kind === kind.value,
    ),
  )
  const counts = computed(() => query.data.value?.pages[0]?.counts)
  const retentionDays = computed(() => query.data.value?.pages[0]?.retention_days ?? undefined)

  const picked = ref(new Set<string>())
  watch(kind, () => (picked.value = new Set()))
  const chosen = computed(() => items.value.filter((item) => picked.value.has(item.id)))
  function toggle(id: string): void {
    const next = new Set(picked.value)
    if (!next.delete(id)) next.add(id)
    picked.value = next
  }
  function toggleAll(): void {
    picked.value = new Set(chosen.value.length > 0 ? [] : items.value.map(({ id }) => id))
  }

  const busy = ref(false)
  async function working(title: string, act: () => Promise<void>): Promise<void> {
    busy.value = true
    await attempt(title, act)
    busy.value = false
  }

  async function restore(some: TrashItem[]): Promise<void> {
    await working('Could not restore', async () => {
      const { restored } = await api.restoreTrash(refsOf(some))
      picked.value = new Set()
      toastDone(some.length === 1 ? `Restored ${some[0]?.name}` : `Restored ${restored} things`)
      await refresh()
    })
  }

  /** Says first what goes and how many bytes; nothing is removed before the answer. */
  async function remove(some: TrashItem[] | 'all'): Promise<void> {
    const what = some === 'all' ? { all: true } : { items: refsOf(some) }
    await working('Could not delete', async () => {
      const plan = await api.emptyTrash({ ...what, dry_run: true })
      if (plan.experiments + plan.runs + plan.logged_models === 0) {
        toastDone('There is nothing to delete', whatStays(plan))
        return
      }
      const yes = await ask({
        title: some === 'all' ? 'Empty the trash?' : `Delete ${nameOf(some)} for good?`,
        body: [describeGone(plan), whatStays(plan), 'This cannot be undone.']
          .filter(Boolean)
          .join(' '),
        items: some === 'all' ? [] : some.map(({ name }) => name),
        action: `Delete, free ${freed(plan)}`,
        danger: true,
      })
      if (!yes) return
      const gone = await api.emptyTrash({ ...what, dry_run: false })
      picked.value = new Set()
      toastDone(`Deleted for good, ${freed(gone)} freed`)
      await refresh()
    })
  }

  return reactive({
    query,
    items,
    counts,
    retentionDays,
    picked,
    chosen,
    toggle,
    toggleAll,
    busy,
    restore,
    remove,
  })
}

const nameOf = (some: TrashItem[]) =>
  some.length === 1 ? (some[0]?.name ?? '') : formatCount(some.length, 'thing')
const freed = (gone: EmptiedTrash) => formatBytes(gone.database_bytes + gone.artifact_bytes)

export type Trash = ReturnType<typeof useTrash>
