import { describe, expect, it } from 'vitest'
import { toCsv, toSvg } from './export'
import { DEFAULT_SETTINGS, drawChart, type Line } from './model'

const lines: Line[] = [
  {
    id: 'r1',
    name: 'amber, "best"',
    slot: 0,
    data: {
      runId: 'r1',
      key: 'loss',
      steps: [0, 1],
      timestamps: [0, 1000],
      values: [2, 1],
      total: 2,
      sampled: false,
    },
  },
]

describe('toCsv', () => {
  it('quotes names that need it', () => {
    expect(toCsv('loss', lines).split('\n').slice(0, 2)).toEqual([
      'run_id,run_name,metric,step,timestamp,value',
      'r1,"amber, ""best""",loss,0,1970-01-01T00:00:00.000Z,2',
    ])
  })
})

describe('toSvg', () => {
  it('draws every line inside the frame and escapes names', () => {
    const svg = toSvg(drawChart(lines, DEFAULT_SETTINGS), {
      title: 'loss <b>',
      settings: DEFAULT_SETTINGS,
      x: { min: 0, max: 1 },
      y: { min: 1, max: 2 },
    })
    expect(svg).toContain('M64.0 40.0L780.0 356.0')
    expect(svg).toContain('loss &lt;b&gt;')
    expect(svg).toContain('amber, &quot;best&quot;')
  })
  it('writes times below as the screen does', () => {
    const below = (x: 'relative' | 'wall', from: number) =>
      toSvg(drawChart(lines, DEFAULT_SETTINGS), {
        title: 'loss',
        settings: { ...DEFAULT_SETTINGS, x },
        x: { min: from, max: from + 400 },
        y: { min: 1, max: 2 },
      })
    expect(below('relative', 0)).toContain('>1m</text>')
    const from = new Date(2026, 10, 30, 8, 0, 30).getTime() / 1000
    expect(below('wall', from)).toMatch(/>08:01<\/text><text[^>]*>30 Nov<\/text>/)
  })
})
