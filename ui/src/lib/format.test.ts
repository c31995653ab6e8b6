import { describe, expect, it } from 'vitest'
import {
  fileName,
  formatAgo,
  formatBytes,
  formatCompact,
  formatCount,
  formatDuration,
  formatMetric,
  formatNumber,
} from './format'

describe('formatNumber', () => {
  it.each([
    [0, '0'],
    [65.1, '65.1'],
    [0.000012345, '1.234e-5'],
    [0.34912345, '0.34912'],
    [1234567, '1,234,567'],
    [123456.789, '123,457'],
    [-2.5, '-2.5'],
    [3e12, '3e12'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, '∞'],
    [Number.NEGATIVE_INFINITY, '−∞'],
  ])('%s is %s', (value, text) => expect(formatNumber(value)).toBe(text))
})

describe('formatMetric', () => {
  it('reads the words that stand for numbers JSON lacks', () => {
    expect(formatMetric('NaN')).toBe('NaN')
    expect(formatMetric('-Infinity')).toBe('−∞')
    expect(formatMetric(undefined)).toBe('–')
    expect(formatMetric(null)).toBe('–')
  })
})

describe('formatDuration', () => {
  it.each([
    [120, '0.1s'],
    [3_000, '0:03'],
    [760_000, '12:40'],
    [11_109_000, '3:05:09'],
    [187_200_000, '2d 4h'],
    [null, '–'],
  ])('%s is %s', (ms, text) => expect(formatDuration(ms)).toBe(text))
})

describe('sizes and counts', () => {
  it('keeps three digits at most', () => {
    expect(formatBytes(0)).toBe('0 B')
    expect(formatBytes(38_400_000)).toBe('38.4 MB')
    expect(formatBytes(1_200_000_000)).toBe('1.2 GB')
    expect(formatCompact(12_500)).toBe('12.5k')
    expect(formatCompact(3_000_000)).toBe('3M')
    expect(formatCount(1, 'run')).toBe('1 run')
    expect(formatCount(1284, 'run')).toBe('1,284 runs')
  })
})

describe('formatAgo', () => {
  const now = Date.parse('2026-11-23T12:00:00Z')
  it.each([
    ['2026-11-23T11:59:50Z', 'just now'],
    ['2026-11-23T11:56:00Z', '4 min ago'],
    ['2026-11-23T09:00:00Z', '3 h ago'],
    ['2026-11-22T10:00:00Z', 'yesterday'],
    ['2026-11-18T12:00:00Z', '5 days ago'],
  ])('%s is %s', (when, text) => expect(formatAgo(when, now)).toBe(text))
})

describe('fileName', () => {
  it('drops what file systems refuse', () => {
    expect(fileName('val/loss: best', 'csv')).toBe('val-loss-best.csv')
    expect(fileName('..', 'png')).toBe('branchline.png')
  })
})
