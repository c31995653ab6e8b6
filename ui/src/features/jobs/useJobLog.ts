import { onScopeDispose, ref, watch } from 'vue'
import * as api from '@/api/calls'

/** What is kept on screen; a longer log is shown from its end. */
const MOST = 2_000_000
const WAIT_S = 20
const PAUSE_MS = 2000

/** A job's log as it grows: each question waits at the server until there is more. */
export function useJobLog(id: () => string) {
  const text = ref('')
  const size = ref(0)
  const ended = ref(false)
  const problem = ref<unknown>()
  const cut = ref(false)
  let generation = 0

  async function follow(job: string, mine: number): Promise<void> {
    let after = 0
    while (mine === generation) {
      try {
        const part = await api.jobLog(job, after, after === 0 ? 0 : WAIT_S)
        if (mine !== generation) return
        problem.value = undefined
        const whole = text.value + part.text
        cut.value ||= whole.length > MOST
        text.value = whole.slice(-MOST)
        size.value = part.size
        const isNew = part.next > after
        after = part.next
        if (part.ended && !isNew) {
          ended.value = true
          return
        }
        // The first answer may be empty; asking from the start again must not spin.
        if (!isNew && after === 0) await pause()
      } catch (error) {
        if (mine !== generation) return
        problem.value = error
        await pause()
      }
    }
  }
  const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS))

  watch(
    id,
    (job) => {
      generation += 1
      text.value = ''
      size.value = 0
      ended.value = false
      cut.value = false
      void follow(job, generation)
    },
    { immediate: true },
  )
  onScopeDispose(() => (generation += 1))
  /** A job that runs again writes on. */
  function again(): void {
    if (!ended.value) return
    generation += 1
    text.value = ''
    ended.value = false
    void follow(id(), generation)
  }
  return { text, size, ended, problem, cut, again }
}
