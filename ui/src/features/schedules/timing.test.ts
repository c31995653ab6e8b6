import { expect, it } from 'vitest'
import type { Fire } from '@/api/types'
import { cameTo, inUnits, wallTime, zones } from './timing'

it('writes an interval in the largest whole unit', () => {
  expect(inUnits(7200)).toEqual({ many: 2, unit: 3600 })
  expect(inUnits(90)).toEqual({ many: 90, unit: 1 })
  expect(inUnits(172_800)).toEqual({ many: 2, unit: 86_400 })
})

it('shows a moment on the wall clock of the zone', () => {
  expect(wallTime('2026-03-29T01:00:00Z', 'Europe/Berlin')).toContain('03:00:00')
  expect(wallTime('2026-03-29T01:00:00Z', 'No/Where')).toContain('2026')
  expect(zones()).toContain('UTC')
})

it('says what a time came to', () => {
  const fire = (part: Partial<Fire>) => cameTo({ outcome: 'queued', times: 1, ...part } as Fire)
  expect(fire({ status: 'SUCCESS' })).toBe('success')
  expect(fire({})).toBe('its job was deleted')
  expect(fire({ outcome: 'missed', times: 3 })).toBe('3 times missed')
  expect(fire({ outcome: 'refused', message: 'no such task' })).toBe('no such task')
})
