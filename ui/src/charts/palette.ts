/** Eight colours that stay apart for every kind of colour vision; after them, patterns. */
export const SLOTS = 8

const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [9, 3, 2, 3]]

export const colorOf = (slot: number) => `var(--series-${slot % SLOTS})`

export function dashOf(slot: number): number[] {
  return [...(DASHES[Math.floor(slot / SLOTS) % DASHES.length] ?? [])]
}

export function cssColor(name: string, element: Element = document.documentElement): string {
  return getComputedStyle(element).getPropertyValue(name).trim()
}

/**
 * Keeps every chosen run in its own slot: those that stay keep theirs, newcomers take the
 * lowest free one.
 */
export function assignSlots(
  ids: readonly string[],
  before: ReadonlyMap<string, number>,
): Map<string, number> {
  const slots = new Map<string, number>()
  for (const id of ids) {
    const slot = before.get(id)
    if (slot !== undefined) slots.set(id, slot)
  }
  const taken = new Set(slots.values())
  let next = 0
  for (const id of ids) {
    if (slots.has(id)) continue
    while (taken.has(next)) next += 1
    slots.set(id, next)
    taken.add(next)
  }
  return slots
}
