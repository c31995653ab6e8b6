import { describe, expect, it } from 'vitest'
import { assignSlots, colorOf, dashOf } from './palette'

describe('assignSlots', () => {
  it('keeps a run in its colour while others come and go', () => {
    const first = assignSlots(['a', 'b', 'c'], new Map())
    expect([...first]).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 2],
    ])
    const second = assignSlots(['d', 'c', 'a'], first)
    expect(second.get('a')).toBe(0)
    expect(second.get('c')).toBe(2)
    expect(second.get('d')).toBe(1)
  })
})

describe('beyond eight', () => {
  it('tells runs apart by pattern', () => {
    expect(colorOf(9)).toBe(colorOf(1))
    expect(dashOf(1)).toEqual([])
    expect(dashOf(9)).not.toEqual([])
  })
})
