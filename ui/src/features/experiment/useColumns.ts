import { computed, shallowReactive, shallowRef, watch, type Ref } from 'vue'
import { keys as cacheKeys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { ExperimentKeys, Run } from '@/api/types'
import { isStrings, setPreference, usePreference } from '@/composables/preferences'
import { allColumns, defaultColumns, neededWidth, type Column } from './columns'

/** Enough to know how long a value gets; a table of thousands is not measured whole. */
const MEASURED = 200

/** The columns of one experiment: those that its keys allow, and those that are shown. */
export function useColumns(
  experimentId: string,
  keys: Ref<ExperimentKeys>,
  rows: Ref<Run[]>,
  before: Column[] = [],
) {
  const standard = (known: ExperimentKeys, list: readonly Run[]) => [
    ...before.map(({ id }) => id),
    ...defaultColumns(known, list),
  ]
  const name = `experiment.${experimentId}.columns`
  const stored = usePreference<string[]>(name, [], isStrings)
  const all = computed(() => [...before, ...allColumns(keys.value)])
  // Decided once, by the first runs that are seen: columns do not jump while one reads.
  const first = shallowRef<string[]>()
  watch(
    [rows, keys],
    ([list, known]) => {
      const names = known.params.length + known.metrics.length
      if (!first.value && list.length > 0 && names > 0) first.value = standard(known, list)
    },
    { immediate: true },
  )
  const chosen = computed({
    get: () => (stored.value.length > 0 ? stored.value : (first.value ?? standard(keys.value, []))),
    set: (ids) => (stored.value = ids),
  })
  const wanted = computed(() => {
    const ids = new Set(chosen.value)
    return all.value.filter((column) => ids.has(column.id))
  })
  // Widths only grow: a column that shrinks again under one's eyes is worse than a wide one.
  const widths = shallowReactive(new Map<string, number>())
  watch(
    [rows, wanted],
    ([list, columns]) => {
      const some = list.slice(0, MEASURED)
      for (const column of columns) {
        const needed = neededWidth(column, some, Date.now())
        if (needed > (widths.get(column.id) ?? column.width)) widths.set(column.id, needed)
      }
    },
    { immediate: true },
  )
  const visible = computed(() =>
    wanted.value.map((column) => ({ ...column, width: widths.get(column.id) ?? column.width })),
  )

  const needAggregates = computed(() => visible.value.some(({ of }) => of !== undefined))

  // A run brought a key that nobody knew: the list of keys is read again.
  const known = computed(() => new Set([...keys.value.metrics, ...keys.value.params]))
  watch(rows, (list) => {
    const isNew = list.some((run) =>
      [...Object.keys(run.metrics), ...Object.keys(run.params)].some(
        (key) => !known.value.has(key),
      ),
    )
    if (isNew) {
      void queryClient.invalidateQueries(
        { queryKey: cacheKeys.experimentKeys(experimentId) },
        { cancelRefetch: false },
      )
    }
  })

  return { all, chosen, visible, needAggregates, reset: () => setPreference(name, null) }
}

export type Columns = ReturnType<typeof useColumns>
