/**
 * The search language of runs, as far as a text field needs it: colouring while typing and
 * completion at the caret. Whether a filter is right is for the server to say.
 */
export type TokenKind =
  'entity' | 'dot' | 'key' | 'operator' | 'keyword' | 'string' | 'number' | 'space' | 'other'

export interface FilterToken {
  kind: TokenKind
  text: string
  start: number
  end: number
}

const ENTITIES = new Map<string, KeyGroup>([
  ['metrics', 'metrics'],
  ['metric', 'metrics'],
  ['params', 'params'],
  ['param', 'params'],
  ['parameters', 'params'],
  ['parameter', 'params'],
  ['tags', 'tags'],
  ['tag', 'tags'],
  ['attributes', 'attributes'],
  ['attribute', 'attributes'],
  ['attr', 'attributes'],
  ['run', 'attributes'],
  ['datasets', 'datasets'],
  ['dataset', 'datasets'],
])
const KEYWORDS = /^(and|or|not|in|is|null|like|ilike)$/i

type KeyGroup = 'metrics' | 'params' | 'tags' | 'attributes' | 'datasets'

const ATTRIBUTES = [
  'status',
  'run_name',
  'start_time',
  'end_time',
  'user_id',
  'run_id',
  'artifact_uri',
]
const DATASET_FIELDS = ['name', 'digest', 'context']
const STATUSES = ["'RUNNING'", "'FINISHED'", "'FAILED'", "'KILLED'", "'SCHEDULED'"]
const NUMERIC_ATTRIBUTES = new Set(['start_time', 'end_time', 'created'])

const PATTERNS: readonly [TokenKind, RegExp][] = [
  ['space', /\s+/y],
  ['string', /'[^']*'?/y],
  ['key', /`[^`]*`?|"[^"]*"?/y],
  ['number', /-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])/y],
  ['operator', /<=|>=|!=|<>|[<>=]/y],
  ['dot', /\./y],
  ['key', /[\p{L}_][\p{L}\p{N}_/:-]*/uy],
  ['other', /[(),]|./suy],
]

/** Cuts a filter into coloured pieces; together they are the text, character for character. */
export function tokenize(text: string): FilterToken[] {
  const tokens: FilterToken[] = []
  let at = 0
  while (at < text.length) {
    for (const [kind, pattern] of PATTERNS) {
      pattern.lastIndex = at
      const found = pattern.exec(text)?.[0]
      if (!found) continue
      tokens.push({ kind, text: found, start: at, end: at + found.length })
      at += found.length
      break
    }
  }
  return tokens.map((token, index) => refine(token, tokens, index))
}

function refine(token: FilterToken, all: readonly FilterToken[], index: number): FilterToken {
  if (token.kind !== 'key') return token
  const before = all[index - 1]
  if (before?.kind === 'dot') return token
  if (all[index + 1]?.kind === 'dot' && ENTITIES.has(token.text.toLowerCase())) {
    return { ...token, kind: 'entity' }
  }
  if (KEYWORDS.test(token.text)) return { ...token, kind: 'keyword' }
  if (token.text.startsWith('"') && comparesBefore(all, index)) return { ...token, kind: 'string' }
  return token
}

/** Whether the last thing before `index` compares, so that a value stands at `index`. */
function comparesBefore(all: readonly FilterToken[], index: number): boolean {
  let at = index - 1
  while (all[at]?.kind === 'space') at -= 1
  const token = all[at]
  if (!token) return false
  return token.kind === 'operator' || /^(like|ilike)$/i.test(token.text)
}

export interface FilterKeys {
  metrics: readonly string[]
  params: readonly string[]
  tags: readonly string[]
}

export interface Completion {
  label: string
  insert: string
  detail: string
}

export interface Completions {
  from: number
  to: number
  items: Completion[]
}

const NOTHING: Completions = { from: 0, to: 0, items: [] }

/** Quotes a key that would not read as one word. */
export function quoteKey(key: string): string {
  return /^[\p{L}_][\p{L}\p{N}_]*$/u.test(key) && !KEYWORDS.test(key) ? key : `\`${key}\``
}

/** The metric that an order such as "metrics.`val/loss` ASC" is by; undefined of any other. */
export function metricOf(order: string): string | undefined {
  const key = /^metrics\.(.+) (?:ASC|DESC)$/.exec(order)?.[1]
  return key?.startsWith('`') ? key.slice(1, -1) : key
}

/** What may stand at the caret. */
export function completionsAt(text: string, caret: number, keys: FilterKeys): Completions {
  const tokens = tokenize(text.slice(0, caret))
  const solid = tokens.filter((token) => token.kind !== 'space')
  const last = solid.at(-1)
  const touching = tokens.at(-1)?.kind !== 'space' ? last : undefined
  if (touching?.kind === 'string' && !isOpenString(touching.text)) return NOTHING

  const wordAt = touching && touching.kind !== 'dot' && touching.kind !== 'operator'
  const word = wordAt ? touching.text : ''
  const from = caret - word.length
  const before = wordAt ? solid.slice(0, -1) : solid
  const items = expected(before, keys, word)
  const matching = rank(items, word.replace(/^[`"']/, ''))
  if (matching.length === 1 && matching[0]?.insert.trim() === word) return NOTHING
  return { from, to: caret, items: matching.slice(0, 50) }
}

function isOpenString(text: string): boolean {
  return text.length < 2 || !text.endsWith("'")
}

function expected(before: readonly FilterToken[], keys: FilterKeys, word: string): Completion[] {
  const last = before.at(-1)
  if (!last || isConjunction(last) || last.text === '(') return fields(keys, word)
  if (last.kind === 'dot') return keysOf(before.at(-2)?.text ?? '', keys)
  const field = fieldBefore(before)
  if (last.kind === 'operator') return valuesFor(field)
  if (last.kind === 'key' || (last.kind === 'keyword' && /^not$/i.test(last.text) && field)) {
    return operatorsFor(field)
  }
  if (last.kind === 'string' || last.kind === 'number' || last.text === ')' || isNull(last)) {
    return ['AND ', 'OR '].map((insert) => ({ label: insert.trim(), insert, detail: '' }))
  }
  return []
}

const isNull = (token: FilterToken) => /^null$/i.test(token.text)
const isConjunction = (token: FilterToken) =>
  token.kind === 'keyword' && /^(and|or|not)$/i.test(token.text)

interface Field {
  group: KeyGroup
  name: string
}

function fieldBefore(before: readonly FilterToken[]): Field | undefined {
  for (let at = before.length - 1; at >= 0; at -= 1) {
    const token = before[at]
    if (token?.kind !== 'key') continue
    const entity = before[at - 1]?.kind === 'dot' ? before[at - 2]?.text.toLowerCase() : undefined
    return { group: (entity && ENTITIES.get(entity)) || 'attributes', name: token.text }
  }
  return undefined
}

function fields(keys: FilterKeys, word: string): Completion[] {
  const item = (insert: string, detail: string) => ({ label: insert, insert, detail })
  const groups = [
    item('metrics.', `${keys.metrics.length}`),
    item('params.', `${keys.params.length}`),
    item('tags.', `${keys.tags.length}`),
    ...ATTRIBUTES.map((name) => item(`${name} `, 'attribute')),
    item('dataset.', 'input'),
  ]
  if (!word) return groups
  // With something typed, the keys themselves are found too, without their prefix.
  const direct = (['metrics', 'params', 'tags'] as const).flatMap((group) =>
    keys[group].map((key) => ({
      label: key,
      insert: `${group}.${quoteKey(key)} `,
      detail: group.slice(0, -1),
    })),
  )
  return [...groups, ...direct]
}

function keysOf(entity: string, keys: FilterKeys): Completion[] {
  const group = ENTITIES.get(entity.toLowerCase())
  const item = (key: string) => ({ label: key, insert: `${quoteKey(key)} `, detail: '' })
  if (group === 'attributes') return ATTRIBUTES.map(item)
  if (group === 'datasets') return DATASET_FIELDS.map(item)
  return group ? keys[group].map(item) : []
}

function operatorsFor(field: Field | undefined): Completion[] {
  const numeric =
    field?.group === 'metrics' ||
    (field?.group === 'attributes' && NUMERIC_ATTRIBUTES.has(field.name))
  const signs = numeric
    ? ['>', '>=', '<', '<=', '=', '!=']
    : ['=', '!=', 'LIKE', 'ILIKE', 'IN', 'IS NULL', 'IS NOT NULL']
  return signs.map((sign) => ({ label: sign, insert: `${sign} `, detail: '' }))
}

function valuesFor(field: Field | undefined): Completion[] {
  if (field?.group !== 'attributes' || field.name !== 'status') return []
  return STATUSES.map((text) => ({ label: text, insert: `${text} `, detail: '' }))
}

/** Those that begin with the word first, then those that contain it. */
function rank(items: readonly Completion[], word: string): Completion[] {
  const wanted = word.toLowerCase()
  if (!wanted) return [...items]
  const starts: Completion[] = []
  const holds: Completion[] = []
  for (const item of items) {
    const label = item.label.toLowerCase().replace(/^'/, '')
    if (label.startsWith(wanted)) starts.push(item)
    else if (label.includes(wanted)) holds.push(item)
  }
  return [...starts, ...holds]
}

/** A position counted in characters, as the server counts, as an index into the text. */
export function indexOfCharacter(text: string, position: number): number {
  return Array.from(text).slice(0, Math.max(0, position)).join('').length
}

/** Joins the person's filter with another condition. */
export function andFilter(filter: string, condition: string): string {
  return filter.trim() ? `(${filter.trim()}) AND ${condition}` : condition
}
