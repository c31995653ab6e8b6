import { describe, expect, it } from 'vitest'
import { fuzzyScore } from './fuzzy'

describe('fuzzyScore', () => {
  it('takes letters in order only', () => {
    expect(fuzzyScore('Go to Models', 'gtm')).toBeGreaterThan(0)
    expect(fuzzyScore('Go to Models', 'mg')).toBe(0)
  })
  it('likes beginnings and whole pieces', () => {
    expect(fuzzyScore('Dark theme', 'dark')).toBeGreaterThan(fuzzyScore('A dark theme', 'dark'))
    expect(fuzzyScore('Go to Models', 'gm')).toBeGreaterThan(fuzzyScore('Long memory', 'gm'))
  })
  it('takes everything for nothing', () => expect(fuzzyScore('x', '')).toBeGreaterThan(0))
})
