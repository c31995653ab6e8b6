/** What a sweep goes over, as one writes it: `0.1, 0.5`, `0..1`, `0.001..1/4:log`. */
import type { TaskParameter } from '@/api/types'
import { valueOf } from './fields'

export type Axis = unknown[] | { min: number; max: number; steps?: number; log: boolean }

/** Reads a field; throws what it should have been. */
export function axisOf(parameter: TaskParameter, text: string): Axis {
  const range = /^\s*(\S+?)\s*\.\.\s*([^/:\s]+)\s*(?:\/\s*(\d+)\s*)?(:log)?\s*$/.exec(text)
  const isNumber = parameter.kind === 'float' || parameter.kind === 'int'
  if (range && isNumber) {
    const [min, max] = [Number(range[1]), Number(range[2])]
    if (!Number.isFinite(min) || !Number.isFinite(max)) {
      throw new Error('A range is 0..1, or 0..1/5 in five steps.')
    }
    return {
      min,
      max,
      ...(range[3] ? { steps: Number(range[3]) } : {}),
      log: range[4] !== undefined,
    }
  }
  if (text.trim().startsWith('[')) {
    try {
      return JSON.parse(text) as unknown[]
    } catch {
      throw new Error('It is a JSON array, or values with commas between them.')
    }
  }
  return text.split(',').map((part) => {
    const value = valueOf(parameter, parameter.kind === 'str' ? part.trim() : part.trim())
    if (value === undefined) throw new Error(`${part.trim()} is no choice.`)
    return value
  })
}

/** Jobs that every combination makes; undefined where a range says no steps. */
export function combinations(space: Record<string, Axis>): number | undefined {
  let all = 1
  for (const axis of Object.values(space)) {
    const count = Array.isArray(axis) ? axis.length : axis.steps
    if (count === undefined) return undefined
    all *= count
  }
  return all
}
