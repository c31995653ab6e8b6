import { describe, expect, it } from 'vitest'
import type { TaskParameter } from '@/api/types'
import { axisOf, combinations } from './space'

const parameter = (kind: string): TaskParameter => ({
  name: 'p',
  kind,
  optional: false,
  required: true,
  choices: ['a', 'b'],
  annotation: kind,
})

describe('what a sweep goes over', () => {
  it('is values or a range', () => {
    expect(axisOf(parameter('float'), '0.1, 1')).toEqual([0.1, 1])
    expect(axisOf(parameter('float'), '0.001..1/4:log')).toEqual({
      min: 0.001,
      max: 1,
      steps: 4,
      log: true,
    })
    expect(axisOf(parameter('int'), '1..9')).toEqual({ min: 1, max: 9, log: false })
    expect(axisOf(parameter('str'), 'x..y, z')).toEqual(['x..y', 'z'])
    expect(axisOf(parameter('list'), '[[1], [2]]')).toEqual([[1], [2]])
    expect(() => axisOf(parameter('choice'), 'a,c')).toThrow('c is no choice')
    expect(() => axisOf(parameter('float'), 'x..1')).toThrow('range')
  })

  it('is counted', () => {
    expect(combinations({ a: [1, 2], b: { min: 0, max: 1, steps: 3, log: false } })).toBe(6)
    expect(combinations({ a: { min: 0, max: 1, log: false } })).toBeUndefined()
  })
})
