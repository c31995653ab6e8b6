import { expect, it } from 'vitest'
import { DEFAULT_SETTINGS } from './model'
import { decodeSettings, encodeSettings } from './useChartState'

it('writes only what differs, and reads it back', () => {
  expect(encodeSettings(DEFAULT_SETTINGS)).toBe('')
  const all = { x: 'wall', log: true, smoothing: 0.6, clip: true } as const
  expect(encodeSettings(all)).toBe('wall,log,s0.6,clip')
  expect(decodeSettings(encodeSettings(all))).toEqual(all)
})

it('takes nonsense for the default', () => {
  expect(decodeSettings('s9,<x>,s1.5')).toEqual(DEFAULT_SETTINGS)
})
