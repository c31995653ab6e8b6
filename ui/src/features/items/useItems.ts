import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { computed } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { Item, ItemLink } from '@/api/types'
import { ask } from '@/composables/confirm'
import { attempt, toastDone } from '@/composables/toasts'

const refresh = () => queryClient.invalidateQueries({ queryKey: keys.items })

/** Short notes: all that one may see, or those about one thing. */
export function useItems(question: () => { text?: string; about?: ItemLink }) {
  const asked = computed(() => {
    const { text, about } = question()
    return {
      ...(text ? { text } : {}),
      ...(about ? { link_kind: about.kind, link_id: about.id } : {}),
    }
  })
  return useQuery({
    queryKey: computed(() => [...keys.items, asked.value]),
    queryFn: () => api.items(asked.value),
    placeholderData: keepPreviousData,
  })
}

/** Writes an item, a new one or one that is there. */
export async function saveItem(
  item: Item | undefined,
  body: { title: string; description: string | null; link: ItemLink | null },
): Promise<void> {
  if (item) await api.updateItem(item.id, body)
  else await api.createItem(body)
  await refresh()
}

export async function removeItem(item: Item): Promise<void> {
  const yes = await ask({
    title: `Delete “${item.title}”?`,
    body: 'This cannot be undone.',
    action: 'Delete',
    danger: true,
  })
  if (!yes) return
  await attempt('Could not delete the item', async () => {
    await api.deleteItem(item.id)
    toastDone(`Deleted ${item.title}`)
    await refresh()
  })
}
