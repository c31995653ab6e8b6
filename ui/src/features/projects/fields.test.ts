import { describe, expect, it } from 'vitest'
import type { TaskParameter } from '@/api/types'
import { choicesOf, initial, read, valueOf } from './fields'

const parameter = (kind: string, more: Partial<TaskParameter> = {}): TaskParameter => ({
  name: 'p',
  kind,
  optional: false,
  required: true,
  choices: [],
  annotation: kind,
  ...more,
})

describe('the form of a task', () => {
  it('begins with the defaults', () => {
    expect(initial(parameter('float', { default: 0.5 }))).toBe('0.5')
    expect(initial(parameter('str', { default: 'a' }))).toBe('a')
    expect(initial(parameter('list', { default: [1] }))).toBe('[1]')
    expect(initial(parameter('int', { default: null }))).toBe('')
  })

  it('reads each field by its type', () => {
    expect(valueOf(parameter('int'), '3')).toBe(3)
    expect(() => valueOf(parameter('int'), '3.5')).toThrow('whole')
    expect(valueOf(parameter('float'), '1e-3')).toBe(0.001)
    expect(() => valueOf(parameter('float'), 'x')).toThrow('number')
    expect(valueOf(parameter('choice', { choices: ['a', 2] }), '2')).toBe(2)
    expect(valueOf(parameter('bool'), 'true')).toBe(true)
    expect(() => valueOf(parameter('dict'), '{')).toThrow('a JSON object')
    expect(choicesOf(parameter('bool'))).toEqual(['true', 'false'])
  })

  it('leaves out what is empty, and says what is missing', () => {
    expect(read([parameter('float', { required: false, default: 1 })], { p: '' }).values).toEqual(
      {},
    )
    expect(read([parameter('int', { optional: true })], { p: '' }).values).toEqual({ p: null })
    expect(read([parameter('float')], {}).problems).toEqual({ p: 'It has to be given.' })
    expect(read([parameter('str')], { p: '' }).values).toEqual({ p: '' })
  })
})
