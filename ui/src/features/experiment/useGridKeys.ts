import type { Ref } from 'vue'
import { useShortcuts } from '@/composables/keyboard'

interface GridActs {
  count: () => number
  at: Ref<number>
  moveTo: (index: number) => void
  open: (index: number) => void
  toggle: (index: number, extend: boolean) => void
  rename: (index: number) => void
  menu: (index: number) => void
  filter: () => void
  back: () => void
}

/** The keys of a table of runs. */
export function useGridKeys(acts: GridActs): void {
  const inside = (index: number) => Math.min(acts.count() - 1, Math.max(0, index))
  const move = (by: number) => () => {
    if (acts.count() > 0) acts.moveTo(inside(acts.at.value + by))
  }
  const here = (act: (index: number, event: KeyboardEvent) => void) => (event: KeyboardEvent) => {
    const onControl = (event.target as HTMLElement).matches('a, button')
    if ((event.key === 'Enter' || event.key === ' ') && onControl) return false
    if (acts.at.value < 0 || acts.at.value >= acts.count()) return false
    act(acts.at.value, event)
  }
  useShortcuts({
    j: move(1),
    k: move(-1),
    ArrowDown: move(1),
    ArrowUp: move(-1),
    PageDown: move(20),
    PageUp: move(-20),
    Home: () => acts.count() > 0 && acts.moveTo(0),
    End: () => acts.count() > 0 && acts.moveTo(acts.count() - 1),
    x: here((index) => acts.toggle(index, false)),
    X: here((index) => acts.toggle(index, true)),
    Enter: here(acts.open),
    e: here(acts.rename),
    '.': here(acts.menu),
    '/': acts.filter,
    Escape: acts.back,
  })
}
