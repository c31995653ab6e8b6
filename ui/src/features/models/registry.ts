/** Words and rules of the model registry. Pure; every function is tested. */
import type { ModelVersion, RegisteredModel } from '@/api/types'
import { formatCount } from '@/lib/format'
import { pyString, pythonAt } from '../connect/snippet'

const FIELD = String.raw`(?:name|creation_timestamp|last_updated_timestamp|tags?\s*\.\s*(?:\x60[^\x60]*\x60|"[^"]*"|[^\s=!<>]+))`
const COMPARES = String.raw`\s*(?:=|!=|<>|<|>|(?:not\s+)?(?:i?like|in)\b|is\b)`
const EXPRESSION = new RegExp(`(?:^|[\\s(])${FIELD}${COMPARES}`, 'i')

/** The two that share MLflow's registry, and the page of each. */
export type Registered = 'models' | 'prompts'
export const WORDS = {
  models: { one: 'model', title: 'Models' },
  prompts: { one: 'prompt', title: 'Prompts' },
} as const

const PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"

/** What the server is asked for when this is typed: a search expression as it is, or a part of the name. */
export function modelFilter(text: string, what: Registered = 'models'): string | undefined {
  const wanted = typed(text)
  if (what === 'models') return wanted
  return wanted === undefined ? PROMPTS : `(${wanted}) AND ${PROMPTS}`
}

function typed(text: string): string | undefined {
  const wanted = text.trim()
  if (!wanted || EXPRESSION.test(wanted)) return wanted || undefined
  const quote = wanted.includes("'") ? '"' : "'"
  return `name ILIKE ${quote}%${wanted.replaceAll(quote, '_')}%${quote}`
}

/** Where a problem is in what was typed, when an expression was. */
export function problemAt(text: string, position: number, what: Registered): number | undefined {
  if (!EXPRESSION.test(text.trim())) return undefined
  return what === 'prompts' ? Math.max(0, position - 1) : position
}

/** `models:/name@alias` where there is an alias, for it outlives the version. */
export function modelUri(name: string, version: Pick<ModelVersion, 'version' | 'aliases'>): string {
  const alias = version.aliases[0]
  return alias === undefined ? `models:/${name}/${version.version}` : `models:/${name}@${alias}`
}

/** Prompts are models to MLflow's registry; one is told by its tag. */
export function isPrompt(tags: Readonly<Record<string, string>>): boolean {
  return tags['mlflow.prompt.is_prompt']?.toLowerCase() === 'true'
}

/** What a version of a prompt says; a chat's messages as JSON. */
export function promptText(tags: Readonly<Record<string, string>>): string | undefined {
  const text = tags['mlflow.prompt.text']
  if (text === undefined || tags['_mlflow_prompt_type'] !== 'chat') return text
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

/** The words of a template in one line; of a chat, what its messages say. */
export function promptWords(text: string): string {
  const messages = /^\s*\[\s*\{/.test(text)
    ? [...text.matchAll(/"content"\s*:\s*"((?:\\.|[^"\\])*)/g)].map((found) =>
        unescaped(found[1] ?? ''),
      )
    : []
  return (messages.length > 0 ? messages.join(' · ') : text).trim().replace(/\s+/g, ' ')
}

function unescaped(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string
  } catch {
    return text
  }
}

/** What makes a model on the server at `uri`, once there is something trained. */
export function modelSnippet(uri: string): string {
  return pythonAt(
    uri,
    '',
    'with mlflow.start_run():',
    '    mlflow.sklearn.log_model(',
    '        model, name="model", registered_model_name="my-model"',
    '    )',
  )
}

/** What makes a prompt on the server at `uri`. */
export function registerSnippet(uri: string): string {
  return pythonAt(
    uri,
    '',
    'mlflow.genai.register_prompt(',
    '    name="summarise",',
    '    template="Summarise in {{ count }} sentences: {{ text }}",',
    '    commit_message="The first try",',
    ')',
  )
}

export function promptSnippet(uri: string): string {
  const prompt = uri.replace(/^models:/, 'prompts:')
  return `import mlflow\nprompt = mlflow.genai.load_prompt(${pyString(prompt)})`
}

export function loadSnippet(uri: string): string {
  return `import mlflow\nmodel = mlflow.pyfunc.load_model(${pyString(uri)})`
}

/** Why an alias cannot be set, before the server has to say so. */
export function aliasProblem(alias: string): string | undefined {
  const wanted = alias.trim()
  if (wanted === '') return undefined
  if (!/^[\p{L}\p{N}_-]+$/u.test(wanted)) return 'Letters, digits, “_” and “-” only.'
  if (wanted.toLowerCase() === 'latest') return '“latest” always means the newest version.'
  if (/^v\d+$/i.test(wanted)) return `“${wanted}” would read as a version's number.`
  return undefined
}

/** The same colour for the same alias everywhere. */
export function aliasSlot(alias: string, slots: number): number {
  let hash = 7
  for (const letter of alias) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0
  return hash % slots
}

/** What goes with a model, by name. */
export function goesWithModel(
  model: RegisteredModel,
  versions?: readonly ModelVersion[],
): string[] {
  if (versions === undefined || versions.length > 40) {
    const counted = formatCount(model.version_count, 'version')
    return [counted, ...model.aliases.map((item) => `@${item.alias} of version ${item.version}`)]
  }
  return versions.map(goesWithVersion)
}

export function goesWithVersion(version: ModelVersion): string {
  const aliases = version.aliases.map((alias) => ` @${alias}`).join('')
  const run = version.run_name ? ` from ${version.run_name}` : ''
  return `Version ${version.version}${aliases}${run}`
}

/** A status worth a word; the usual one is not. */
export function statusWord(status: string): string | undefined {
  if (status === 'READY') return undefined
  return status.replace('_REGISTRATION', '').replaceAll('_', ' ').toLowerCase()
}
