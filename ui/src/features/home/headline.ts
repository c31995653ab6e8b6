/** Which of a run's metrics says most about how it goes. Pure. */
const WISHES = [
  /^(val|valid|validation|eval|test)[/_.-]?.*loss/i,
  /loss/i,
  /^(val|valid|validation|eval|test)/i,
]

/** A loss first, validation before training, never the machine's own figures unless nothing else is there. */
export function headlineMetric(keys: readonly string[]): string | undefined {
  const own = keys.filter((key) => !key.startsWith('system/'))
  const names = [...(own.length > 0 ? own : keys)].sort()
  for (const wish of WISHES) {
    const found = names.find((name) => wish.test(name))
    if (found) return found
  }
  return names[0]
}
