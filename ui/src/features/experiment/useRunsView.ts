import { computed, type Ref } from 'vue'
import type { View } from '@/api/types'
import { decodeOrder, encodeOrder, type Order } from './rows'

/** What the table of runs shows, as one thing that can be named and shown again. */
export function useRunsView(
  filter: Ref<string>,
  order: Ref<Order | undefined>,
  columns: Ref<string[]>,
  view: Ref<View>,
) {
  return computed({
    get: () => ({
      view: view.value as string,
      filter: filter.value,
      order: encodeOrder(order.value),
      columns: columns.value,
    }),
    set: (next) => {
      view.value = next.view === 'deleted' ? 'deleted' : 'active'
      filter.value = next.filter
      order.value = decodeOrder(next.order)
      columns.value = next.columns
    },
  })
}
