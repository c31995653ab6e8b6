import { ref } from 'vue'

/** What a form shows while it saves, and why it could not. */
export function useSaving() {
  const busy = ref(false)
  const problem = ref<unknown>()

  /** A failure is kept in `problem` and not thrown. */
  async function saving(act: () => Promise<unknown>): Promise<void> {
    busy.value = true
    problem.value = undefined
    try {
      await act()
    } catch (error) {
      problem.value = error
    } finally {
      busy.value = false
    }
  }
  return { busy, problem, saving }
}
