import { computed, ref, watch, type Ref } from 'vue'
import * as api from '@/api/calls'
import type { ExperimentKeys } from '@/api/types'
import { completionsAt, indexOfCharacter, tokenize, type Completion } from '@/lib/filter'

const PAUSE_MS = 220

export interface FilterProblem {
  text: string
  /** Index into the text of the very character. */
  at: number | undefined
}

/**
 * A filter while it is typed. Once typing pauses the server checks it: a right one is
 * applied, a wrong one is marked and the last right one stays in force.
 */
export function useFilterField(applied: Ref<string>, keys: () => ExperimentKeys) {
  const draft = ref(applied.value)
  const caret = ref(0)
  const problem = ref<FilterProblem>()
  const offering = ref(false)
  const chosen = ref(0)
  let abort = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined

  watch(applied, (text) => {
    if (text.trim() === draft.value.trim()) return
    draft.value = text
    problem.value = undefined
  })

  const pieces = computed(() => tokenize(draft.value))
  const completions = computed(() => completionsAt(draft.value, caret.value, keys()))
  const offers = computed<Completion[]>(() => (offering.value ? completions.value.items : []))

  async function check(): Promise<void> {
    clearTimeout(timer)
    abort.abort()
    abort = new AbortController()
    const { signal } = abort
    const text = draft.value
    if (!text.trim()) {
      problem.value = undefined
      applied.value = ''
      return
    }
    try {
      const verdict = await api.checkFilter(text, signal)
      if (signal.aborted) return
      if (verdict.ok) {
        problem.value = undefined
        applied.value = text.trim()
      } else {
        problem.value = locate(text, verdict.detail, verdict.position)
      }
    } catch {
      // Not reachable: the list itself tells, and the search says what is wrong with it.
      if (!signal.aborted) applied.value = text.trim()
    }
  }

  function typed(text: string, position: number): void {
    draft.value = text
    caret.value = position
    chosen.value = 0
    offering.value = true
    // While one is typing, the old mark would point at the wrong place.
    problem.value = undefined
    clearTimeout(timer)
    timer = setTimeout(() => void check(), PAUSE_MS)
  }

  /** Takes an offer; answers where the caret goes. */
  function take(offer: Completion): number {
    const { from, to } = completions.value
    const rest = draft.value.slice(to)
    const insert = rest.startsWith(' ') ? offer.insert.trimEnd() : offer.insert
    const position =
      from + insert.length + (rest.startsWith(' ') && offer.insert.endsWith(' ') ? 1 : 0)
    typed(draft.value.slice(0, from) + insert + rest, position)
    return position
  }

  function submit(): void {
    offering.value = false
    void check()
  }

  function clear(): void {
    draft.value = ''
    problem.value = undefined
    offering.value = false
    applied.value = ''
  }

  return { draft, caret, pieces, problem, offers, offering, chosen, typed, take, submit, clear }
}

export function locate(
  text: string,
  detail: string | null | undefined,
  position: number | null | undefined,
): FilterProblem {
  const known = typeof position === 'number'
  return {
    text: detail ?? 'This filter cannot be read.',
    at: known ? Math.min(indexOfCharacter(text, position), text.length) : undefined,
  }
}
