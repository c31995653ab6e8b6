import { expect, it } from 'vitest'
import { logTicks, niceTicks } from './ticks'

it('puts labels at round numbers', () => {
  expect(niceTicks(-0.03, 1.06, 5)).toEqual([0, 0.25, 0.5, 0.75, 1])
  expect(niceTicks(0, 39, 4)).toEqual([0, 10, 20, 30])
  expect(niceTicks(5, 5, 4)).toEqual([5])
})

it('labels decades, and parts of one', () => {
  expect(logTicks(0.01, 100)).toEqual([0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100])
  const within = logTicks(65, 77)
  expect(within.length).toBeGreaterThan(2)
  expect(within.every((tick) => tick >= 65 && tick <= 77)).toBe(true)
})
