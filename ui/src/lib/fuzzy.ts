/** How well `query`'s letters, in order, fit `text`: 0 is not at all; word starts count most. */
export function fuzzyScore(text: string, query: string): number {
  if (!query) return 1
  const hay = text.toLowerCase()
  const needle = query.toLowerCase().replace(/\s+/g, '')
  if (hay.includes(query.toLowerCase())) return hay.startsWith(query.toLowerCase()) ? 1000 : 500
  let score = 0
  let at = -1
  for (const letter of needle) {
    const next = hay.indexOf(letter, at + 1)
    if (next < 0) return 0
    const startsWord = next === 0 || hay[next - 1] === ' '
    score += startsWord ? 12 : next === at + 1 ? 6 : 1
    at = next
  }
  return score
}
