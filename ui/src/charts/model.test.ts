import { describe, expect, it } from 'vitest'
import {
  align,
  clippedRange,
  decodeZoom,
  DEFAULT_SETTINGS,
  drawChart,
  encodeZoom,
  groupKeys,
  nearest,
  smooth,
  type Line,
} from './model'

function line(id: string, steps: number[], values: number[], times = steps.map((s) => s * 1000)) {
  const data = {
    runId: id,
    key: 'k',
    steps,
    timestamps: times,
    values,
    total: steps.length,
    sampled: false,
  }
  return { id, name: id, slot: 0, data } satisfies Line
}

describe('smooth', () => {
  it('begins at the first value instead of near zero', () => {
    expect(smooth([4, 4, 4], 0.9).map((v) => Number(v?.toFixed(6)))).toEqual([4, 4, 4])
  })
  it('lies between old and new, and skips gaps', () => {
    const [first, gap, second] = smooth([0, null, 10], 0.5)
    expect(first).toBe(0)
    expect(gap).toBeNull()
    expect(second).toBeGreaterThan(5)
    expect(second).toBeLessThan(10)
  })
})

describe('drawChart', () => {
  it('counts what is drawn and what is not', () => {
    const chart = drawChart(
      [line('a', [0, 1, 2], [1, Number.NaN, 3]), line('b', [0, 5], [1, 2])],
      DEFAULT_SETTINGS,
    )
    expect(chart).toMatchObject({ points: 4, gaps: 1, lastStep: 5, xMin: 0, xMax: 5 })
  })

  it('has no logarithm of zero', () => {
    const chart = drawChart([line('a', [0, 1], [0, 2])], { ...DEFAULT_SETTINGS, log: true })
    expect(chart.lines[0]?.raw).toEqual([null, 2])
  })

  it('keeps the newest of several points at one step', () => {
    const chart = drawChart([line('a', [1, 1, 2], [5, 6, 7], [10, 20, 30])], DEFAULT_SETTINGS)
    expect(chart.lines[0]?.raw).toEqual([6, 7])
  })

  it('measures relative time from the start of the run', () => {
    const started = { ...line('a', [0, 1], [1, 2], [5000, 9000]), startedAt: 4000 }
    const chart = drawChart([started], { ...DEFAULT_SETTINGS, x: 'relative' })
    expect(chart.lines[0]?.xs).toEqual([1, 5])
  })

  it('draws nothing from nothing', () => {
    const chart = drawChart([{ id: 'a', name: 'a', slot: 0, data: undefined }], DEFAULT_SETTINGS)
    expect(chart).toMatchObject({ points: 0, lastStep: undefined, xMin: undefined })
  })
})

describe('align', () => {
  it('tells a gap from a place that belongs to another line', () => {
    const chart = drawChart(
      [line('a', [0, 2], [1, Number.NaN]), line('b', [1, 2], [5, 6])],
      DEFAULT_SETTINGS,
    )
    expect(align(chart, false)).toEqual([
      [0, 1, 2],
      [1, undefined, null],
      [undefined, 5, 6],
    ])
    expect(align(chart, true)).toHaveLength(5)
  })
})

describe('nearest', () => {
  it.each([
    [-1, 0],
    [4, 0],
    [6, 1],
    [99, 2],
  ])('of %s', (x, index) => expect(nearest([0, 10, 20], x)).toBe(index))
  it('of nothing', () => expect(nearest([], 1)).toBe(-1))
})

describe('clippedRange', () => {
  it('forgets the outlier', () => {
    const values = [...Array.from({ length: 100 }, (_, i) => i), 1e9]
    expect(clippedRange(values)?.[1]).toBeLessThan(101)
    expect(clippedRange([1, 2])).toBeUndefined()
  })
})

describe('groupKeys', () => {
  it('groups by prefix, loose keys first, system last', () => {
    expect(groupKeys(['val/loss', 'rmse', 'system/gpu', 'system/mem', 'lr/a', 'val/acc'])).toEqual([
      { name: '', keys: ['lr/a', 'rmse'] },
      { name: 'val', keys: ['val/acc', 'val/loss'] },
      { name: 'system', keys: ['system/gpu', 'system/mem'] },
    ])
  })
})

describe('zoom in the URL', () => {
  it('survives the round trip', () => {
    const zooms = new Map([['val/loss, :best', { min: 1.25, max: 1732450000 }]])
    expect(decodeZoom(encodeZoom(zooms))).toEqual(zooms)
  })
  it('drops nonsense', () => {
    expect(decodeZoom('a:5:1,b:x:y,%zz:1:2,').size).toBe(0)
  })
})
