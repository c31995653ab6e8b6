/** The form of a task: what is written in its fields, and what that means. */
import type { TaskParameter } from '@/api/types'

export type Written = Record<string, string>
export type Problems = Record<string, string>

const asText = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

/** What stands in a field before anybody writes: the default, as one would write it. */
export function initial(parameter: TaskParameter): string {
  const value = parameter.default
  if (value === undefined || value === null) return ''
  return asText(value)
}

/** What an empty field means, said in it. */
export function placeholder(parameter: TaskParameter): string {
  if (parameter.required) return parameter.optional ? 'null' : parameter.annotation
  if (parameter.default_text) return parameter.default_text
  return parameter.default === null ? 'null' : 'the default'
}

/** The choices of a field that is a list to pick from; undefined where one writes. */
export function choicesOf(parameter: TaskParameter): string[] | undefined {
  if (parameter.kind === 'bool') return ['true', 'false']
  if (parameter.kind === 'choice') return parameter.choices.map(asText)
  return undefined
}

/** A field's text as its type has it; throws what it should have been. */
export function valueOf(parameter: TaskParameter, text: string): unknown {
  const number = Number(text)
  switch (parameter.kind) {
    case 'str':
      return text
    case 'int':
      if (!/^\s*[+-]?\d+\s*$/.test(text)) throw new Error('It is a whole number.')
      return number
    case 'float':
      if (text.trim() === '' || !Number.isFinite(number)) throw new Error('It is a number.')
      return number
    case 'choice':
      return parameter.choices.find((choice) => asText(choice) === text)
    default:
      try {
        return JSON.parse(text)
      } catch {
        const kinds: Record<string, string> = { list: 'a JSON array', dict: 'a JSON object' }
        throw new Error(`It is ${kinds[parameter.kind] ?? 'JSON'}.`)
      }
  }
}

/** What is sent: fields that are empty are left out, or null where the task wants to be told. */
export function read(parameters: TaskParameter[], written: Written) {
  const values: Record<string, unknown> = {}
  const problems: Problems = {}
  for (const parameter of parameters) {
    const text = written[parameter.name] ?? ''
    // An empty text is a text where one has to be given.
    const empty = text === '' && !(parameter.kind === 'str' && parameter.required)
    if (empty) {
      if (!parameter.required) continue
      if (parameter.optional) values[parameter.name] = null
      else problems[parameter.name] = 'It has to be given.'
      continue
    }
    try {
      values[parameter.name] = valueOf(parameter, text)
    } catch (error) {
      problems[parameter.name] = (error as Error).message
    }
  }
  return { values, problems, fine: Object.keys(problems).length === 0 }
}
