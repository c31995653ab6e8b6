import { computed } from 'vue'
import { isStrings, usePreference } from './preferences'

/** The experiments that a person keeps at hand, by id; they follow the person. */
export function usePins() {
  const stored = usePreference<string[]>('experiments.pinned', [], isStrings)
  const ids = computed(() => new Set(stored.value))
  return {
    isPinned: (id: string) => ids.value.has(id),
    toggle(id: string) {
      stored.value = ids.value.has(id)
        ? stored.value.filter((other) => other !== id)
        : [...stored.value, id]
    },
  }
}
