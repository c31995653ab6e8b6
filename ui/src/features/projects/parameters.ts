/** Parameters as one writes them: `name = value`, one in a line. Throws what is wrong. */
export function readParameters(text: string): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const [index, line] of text.split('\n').entries()) {
    if (!line.trim()) continue
    const found = /^\s*([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line)
    if (!found?.[1]) throw new Error(`Line ${index + 1} is not name = value.`)
    const written = found[2] ?? ''
    try {
      values[found[1]] = JSON.parse(written)
    } catch {
      values[found[1]] = written
    }
  }
  return values
}
