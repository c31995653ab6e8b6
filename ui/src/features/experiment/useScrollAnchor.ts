import { useEventListener } from '@vueuse/core'
import { nextTick, onMounted, watch, type Ref } from 'vue'
import type { Run } from '@/api/types'

interface Anchored {
  scroller: Ref<HTMLElement | undefined>
  rows: Ref<Run[]>
  rowHeight: number
  /** Written while scrolling, read once at the start. */
  scrollTop: Ref<number>
}

/** Rows that come in above slide in without moving those that one reads. */
export function useScrollAnchor({ scroller, rows, rowHeight, scrollTop }: Anchored): void {
  let topId: string | undefined
  let offset = 0

  function note(): void {
    const top = scroller.value?.scrollTop ?? 0
    const index = Math.floor(top / rowHeight)
    topId = rows.value[index]?.run_id
    offset = top - index * rowHeight
    scrollTop.value = top
  }

  useEventListener(scroller, 'scroll', note, { passive: true })
  onMounted(async () => {
    await nextTick()
    if (scroller.value && scrollTop.value > 0) scroller.value.scrollTop = scrollTop.value
  })
  watch(
    rows,
    (list) => {
      const element = scroller.value
      // At the very top one wants to see what is new.
      if (!element || !topId || scrollTop.value < rowHeight) return
      const index = list.findIndex((run) => run.run_id === topId)
      if (index < 0) return
      const wanted = index * rowHeight + offset
      if (Math.abs(wanted - element.scrollTop) >= 1) element.scrollTop = wanted
    },
    { flush: 'post' },
  )
}
