import { SLOTS } from '@/charts/palette'

/** An alias has its colour everywhere; the usual names have ones that are far apart. */
const USUAL: Record<string, number> = {
  champion: 2,
  live: 0,
  production: 0,
  challenger: 1,
  staging: 6,
  candidate: 3,
  latest: 7,
}

export function aliasSlot(alias: string): number {
  const usual = USUAL[alias.toLowerCase()]
  if (usual !== undefined) return usual
  let hash = 0
  for (const char of alias) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0
  return hash % SLOTS
}

export function loadSnippet(name: string, ref: { alias?: string; version?: number }): string {
  const uri = ref.alias ? `models:/${name}@${ref.alias}` : `models:/${name}/${ref.version ?? 1}`
  return `import mlflow\n\nmodel = mlflow.pyfunc.load_model(${JSON.stringify(uri)})\npredictions = model.predict(data)`
}
