import { describe, expect, it } from 'vitest'
import { fromWire, mergePoints, type SeriesData } from './series'

const base: SeriesData = {
  runId: 'r',
  key: 'loss',
  steps: [0, 1, 2],
  timestamps: [10, 20, 30],
  values: [3, 2, 1],
  total: 3,
  sampled: false,
}

describe('mergePoints', () => {
  it('appends what is new', () => {
    const next = mergePoints(base, { steps: [3, 4], timestamps: [40, 50], values: [0.5, 0.4] })
    expect(next.steps).toEqual([0, 1, 2, 3, 4])
    expect(next.values.at(-1)).toBe(0.4)
    expect(next.total).toBe(5)
    expect(base.steps).toHaveLength(3)
  })

  it('is a set: the same points again change nothing', () => {
    const next = mergePoints(base, { steps: [1, 2], timestamps: [20, 30], values: [2, 1] })
    expect(next.steps).toEqual(base.steps)
    expect(next.total).toBe(3)
  })

  it('puts late points in their place and replaces re-read ones', () => {
    const next = mergePoints(base, {
      steps: [1, 1, 5],
      timestamps: [20, 25, 60],
      values: [9, 8, 7],
    })
    expect(next.steps).toEqual([0, 1, 1, 2, 5])
    expect(next.values).toEqual([3, 9, 8, 1, 7])
  })

  it('keeps equal steps of different times apart', () => {
    const next = mergePoints(base, { steps: [2], timestamps: [31], values: [0.9] })
    expect(next.steps).toEqual([0, 1, 2, 2])
  })

  it('orders an unordered batch that lies behind the end', () => {
    const next = mergePoints(base, { steps: [6, 4], timestamps: [60, 40], values: [6, 4] })
    expect(next.steps).toEqual([0, 1, 2, 4, 6])
  })
})

describe('fromWire', () => {
  it('reads words as numbers', () => {
    const series = fromWire({
      run_id: 'r',
      key: 'k',
      steps: [1, 2],
      timestamps: [1, 2],
      values: ['NaN', '-Infinity'],
      total: 2,
      sampled: false,
    })
    expect(series.values).toEqual([Number.NaN, Number.NEGATIVE_INFINITY])
  })
})
