import { useQuery } from '@tanstack/vue-query'
import { useThrottleFn } from '@vueuse/core'
import { computed, watch } from 'vue'
import { useRouter } from 'vue-router'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { Notification } from '@/api/types'
import { toastNews } from '@/composables/toasts'
import { notifyDesktop } from '@/host'
import { useTopics } from '@/live'
import { placeOf } from './rules'
import { refreshRules } from './useRules'

const REFRESH_MS = 300
/** More than this at once is told in a line. */
const MOST_TOASTS = 3

const refreshNotifications = () => queryClient.invalidateQueries({ queryKey: keys.notifications })

export async function markRead(ids?: number[]): Promise<void> {
  await api.readNotifications(ids ? { ids } : {})
  await refreshNotifications()
}

/** What the person was told; kept fresh by the socket. */
export function useNotifications() {
  const query = useQuery({ queryKey: keys.notifications, queryFn: () => api.notifications({}) })
  const refresh = useThrottleFn(
    () => {
      void refreshNotifications()
      void refreshRules()
    },
    REFRESH_MS,
    true,
  )
  useTopics(['notifications'], {
    onMessage: () => void refresh(),
    onResync: () => void refresh(),
  })
  const list = computed(() => query.data.value?.notifications ?? [])
  const unread = computed(() => query.data.value?.unread ?? 0)
  return { query, list, unread }
}

/** Says what is new while the window is open: a toast, and by the desktop while nobody looks. */
export function useAnnouncements(list: () => Notification[] | undefined): void {
  const router = useRouter()
  let newest: number | undefined

  function say(told: Notification): void {
    const place = placeOf(told)
    const open = place ? () => void router.push(place).then(() => markRead([told.id])) : undefined
    toastNews(told.title, told.text, open)
    if (document.hasFocus()) return
    void notifyDesktop(told.title, told.text, `branchline-${told.id}`, () => open?.())
  }

  watch(
    list,
    (now) => {
      if (!now) return
      // What was there when the window opened is in the bell's list.
      const seen = newest ?? Infinity
      newest = Math.max(newest ?? 0, ...now.map(({ id }) => id))
      const fresh = now.filter(({ id, read_at }) => id > seen && !read_at).reverse()
      fresh.slice(0, MOST_TOASTS).forEach(say)
      const more = fresh.length - MOST_TOASTS
      if (more > 0) toastNews(`And ${more} more`, 'The bell has all of it.')
    },
    { immediate: true },
  )
}
