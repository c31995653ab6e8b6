import { describe, expect, it } from 'vitest'
import { clockTicks, logTicks, niceTicks, timeLabels } from './ticks'

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

it('puts times where a clock has its marks, in the zone that is shown', () => {
  expect(clockTicks(3, 100, 5)).toEqual({ every: 30, ticks: [30, 60, 90] })
  const day = clockTicks(0, 3 * 86_400, 4, 3600)
  expect(day).toEqual({ every: 86_400, ticks: [82_800, 169_200, 255_600] })
  expect(clockTicks(0, 700 * 604_800, 7).every).toBe(100 * 604_800)
})

describe('timeLabels', () => {
  const at = (...when: [number, number, number, number?, number?, number?, number?]) =>
    new Date(...when).getTime() / 1000

  it('says the day below a time where it begins and where it changes', () => {
    const hours = [at(2026, 10, 30, 22), at(2026, 10, 30, 23), at(2026, 11, 1), at(2026, 11, 1, 1)]
    expect(timeLabels(hours, 3600)).toEqual(['22:00\n30 Nov', '23:00', '00:00\n1 Dec', '01:00'])
    expect(timeLabels([at(2026, 2, 4, 8, 5, 9)], 1)).toEqual(['08:05:09\n4 Mar'])
  })
  it('says the year below a day or a month', () => {
    const days = [at(2026, 11, 30), at(2026, 11, 31), at(2027, 0, 1)]
    expect(timeLabels(days, 86_400)).toEqual(['30 Dec\n2026', '31 Dec', '1 Jan\n2027'])
    expect(timeLabels([at(2026, 10, 1), at(2026, 11, 1)], 31 * 86_400)).toEqual([
      'Nov\n2026',
      'Dec',
    ])
    expect(timeLabels([at(2026, 0, 1), at(2027, 0, 1)], 366 * 86_400)).toEqual(['2026', '2027'])
  })
  it('counts parts of a second below the minute', () => {
    const parts = [at(2026, 2, 4, 8, 5, 9, 250), at(2026, 2, 4, 8, 5, 9, 500)]
    expect(timeLabels(parts, 0.25)).toEqual([':09.25\n08:05', ':09.50'])
  })
})
