import { nextTick, ref, type Ref } from 'vue'
import { useShortcuts } from './keyboard'

interface RowActs {
  /** Holds the rows as its children. */
  body?: Ref<HTMLElement | undefined>
  count: () => number
  open: (index: number) => void
  rename?: (index: number) => void
  menu?: (index: number) => void
}

/** j k Enter e . for an ordinary table. */
export function useRowKeys(acts: RowActs) {
  const at = ref(-1)
  const element = acts.body ?? ref<HTMLElement>()

  function move(by: number): void {
    const count = acts.count()
    if (count === 0) return
    at.value = Math.min(count - 1, Math.max(0, at.value + by))
    void nextTick(() => element.value?.children[at.value]?.scrollIntoView({ block: 'nearest' }))
  }
  const here = (act: ((index: number) => void) | undefined) => (event: KeyboardEvent) => {
    // Enter on a link or a button is theirs.
    const taken = event.key === 'Enter' && (event.target as HTMLElement).matches('a, button')
    if (!act || taken || at.value < 0 || at.value >= acts.count()) return false
    act(at.value)
  }
  useShortcuts({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: here(acts.open),
    e: here(acts.rename),
    '.': here(acts.menu),
  })
  return { at, element }
}
