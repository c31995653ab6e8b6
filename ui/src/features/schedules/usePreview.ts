import { useDebounceFn } from '@vueuse/core'
import { ref, watch } from 'vue'
import * as api from '@/api/calls'
import { messageOf } from '@/api/errors'

const PAUSE_MS = 150

export interface Timing {
  cron?: string
  zone?: string
  every?: number
}

/** What a timing means while one types it: words and the next five times, or why not. */
export function usePreview(timing: () => Timing | undefined) {
  const words = ref('')
  const times = ref<string[]>([])
  const problem = ref('')
  let asked = 0

  const look = useDebounceFn(async (wanted: Timing | undefined, mine: number) => {
    if (mine !== asked) return
    if (!wanted) {
      words.value = ''
      times.value = []
      problem.value = ''
      return
    }
    try {
      const preview = await api.previewSchedule(wanted)
      if (mine !== asked) return
      words.value = preview.words
      times.value = preview.times
      problem.value = [preview.problem, preview.hint].filter(Boolean).join(' ')
    } catch (error) {
      if (mine !== asked) return
      words.value = ''
      times.value = []
      problem.value = messageOf(error)
    }
  }, PAUSE_MS)

  watch(timing, (wanted) => void look(wanted, ++asked), { immediate: true, deep: true })
  return { words, times, problem }
}
