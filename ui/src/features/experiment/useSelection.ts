import { computed, shallowRef, watch, type Ref } from 'vue'
import type { Run } from '@/api/types'
import { assignSlots } from '@/charts/palette'
import type { useUrlState } from '@/composables/urlState'

/** Without a choice the charts show these many of the first runs. */
const FIRST = 4
/** More lines than this tell nothing apart. */
export const MOST_DRAWN = 24

/** Which runs are chosen, which are drawn, and in which colour each is. */
export function useSelection(url: ReturnType<typeof useUrlState>, rows: Ref<Run[]>) {
  const ids = url.value(
    'sel',
    (text) => (text ? text.split(',') : []),
    (list) => list.join(','),
  )
  const selected = computed(() => new Set(ids.value))
  const drawnIds = computed(() =>
    ids.value.length > 0
      ? ids.value.slice(0, MOST_DRAWN)
      : rows.value.slice(0, FIRST).map((run) => run.run_id),
  )
  const slots = shallowRef(new Map<string, number>())
  watch(drawnIds, (list) => (slots.value = assignSlots(list, slots.value)), { immediate: true })

  let anchor: string | undefined

  function toggle(id: string): void {
    ids.value = selected.value.has(id)
      ? ids.value.filter((other) => other !== id)
      : [...ids.value, id]
    anchor = id
  }

  /** Everything between the last one that was touched and this one. */
  function extendTo(id: string): void {
    const order = rows.value.map((run) => run.run_id)
    const [from, to] = [order.indexOf(anchor ?? id), order.indexOf(id)]
    if (from < 0 || to < 0) return toggle(id)
    const range = order.slice(Math.min(from, to), Math.max(from, to) + 1)
    ids.value = [...new Set([...ids.value, ...range])]
  }

  return {
    ids,
    selected,
    drawnIds,
    slots,
    toggle,
    extendTo,
    clear: () => (ids.value = []),
    remove(gone: readonly string[]) {
      const set = new Set(gone)
      ids.value = ids.value.filter((id) => !set.has(id))
    },
    selectAll: () => (ids.value = rows.value.map((run) => run.run_id)),
  }
}

export type Selection = ReturnType<typeof useSelection>
