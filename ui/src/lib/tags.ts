/** Beside those of its own name mlflow's client keeps some that begin so. */
const ofMlflow = (key: string) => key.startsWith('mlflow.') || key.startsWith('_mlflow_')

/** Tags that mlflow keeps for itself are shown where they mean something, not as tags. */
export function visibleTags(tags: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(tags)
    .filter(([key]) => !ofMlflow(key))
    .sort(([a], [b]) => a.localeCompare(b))
}

export function systemTags(tags: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(tags)
    .filter(([key]) => ofMlflow(key) && key !== 'mlflow.note.content')
    .sort(([a], [b]) => a.localeCompare(b))
}

/** The patch that turns `before` into `after`: null removes. */
export function tagsPatch(
  before: Readonly<Record<string, string>>,
  after: readonly (readonly [string, string])[],
): Record<string, string | null> {
  const patch: Record<string, string | null> = {}
  const kept = new Map(after)
  for (const [key] of visibleTags(before)) if (!kept.has(key)) patch[key] = null
  for (const [key, value] of kept) if (before[key] !== value) patch[key] = value
  return patch
}
