import { describe, expect, it } from 'vitest'
import {
  fileName,
  formatAgo,
  formatBytes,
  formatCompact,
  formatCount,
  formatDate,
  formatDateTime,
  formatDay,
  formatDuration,
  formatMetric,
  formatNumber,
  formatParam,
  formatTime,
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

describe('formatParam', () => {
  it.each([
    ['0.1', '0.1'],
    ['1e-05', '1e-05'],
    ['0.000125', '0.000125'],
    ['0.004000153934953237', '0.0040002'],
    ['-9.195148960984602e-05', '-9.195e-5'],
    ['0.10000000000000000', '0.1'],
    ['20261130123456', '20261130123456'],
    ['1.2.3456789', '1.2.3456789'],
    ['v0.123456789', 'v0.123456789'],
    ['1.2345678e999', '1.2345678e999'],
    ['', ''],
  ])('%s is %s', (value, text) => expect(formatParam(value)).toBe(text))
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
    [0, '0s'],
    [0.254, '0.25ms'],
    [9.97, '10ms'],
    [120, '120ms'],
    [620.4, '620ms'],
    [999.6, '1s'],
    [1_240, '1.2s'],
    [9_960, '10s'],
    [45_900, '45s'],
    [59_970, '59s'],
    [60_000, '1m'],
    [90_000, '1m 30s'],
    [724_000, '12m 04s'],
    [3_599_900, '59m 59s'],
    [3_600_000, '1h'],
    [11_109_000, '3h 05m'],
    [86_400_000, '1d'],
    [187_200_000, '2d 4h'],
    [-5, '0s'],
    [Number.NaN, '–'],
    [null, '–'],
    [undefined, '–'],
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

describe('dates and times', () => {
  const at = new Date(2026, 2, 4, 8, 5, 9)
  it('name the month and count 24 hours, whatever the browser speaks', () => {
    expect(formatDate(at.toISOString())).toBe('4 Mar 2026')
    expect(formatDateTime(at.getTime())).toBe('4 Mar 2026, 08:05:09')
    expect(formatDay(at.getTime())).toBe('4 Mar')
    expect(formatTime(new Date(2026, 2, 4, 20, 5).getTime())).toBe('20:05')
    expect(formatTime(new Date(2026, 2, 4, 0, 5).getTime())).toBe('00:05')
    expect(formatDateTime(null)).toBe('–')
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
