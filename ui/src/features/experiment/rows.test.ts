import { describe, expect, it } from 'vitest'
import type { Run } from '@/api/types'
import { appendPage, decodeOrder, encodeOrder, mergeFront, nextOrder, patchRows } from './rows'

function run(run_id: string, rev = 1): Run {
  return {
    run_id,
    rev,
    name: run_id,
    experiment_id: '1',
    user_id: '',
    status: 'RUNNING',
    started_at: '2026-01-01T00:00:00Z',
    lifecycle: 'active',
    artifact_uri: '',
    tags: {},
    params: {},
    metrics: {},
    dataset_inputs: [],
    model_inputs: [],
    model_outputs: [],
  }
}
const ids = (rows: readonly Run[]) => rows.map((row) => row.run_id)

describe('patchRows', () => {
  it('changes rows in place and drops those that no longer match', () => {
    const rows = [run('a'), run('b'), run('c')]
    const next = patchRows(rows, [run('b', 5)], new Set(['b', 'c']))
    expect(ids(next)).toEqual(['a', 'b'])
    expect(next[1]?.rev).toBe(5)
    expect(next[0]).toBe(rows[0])
  })
  it('does not go back in time', () => {
    expect(patchRows([run('a', 7)], [run('a', 3)], new Set(['a']))[0]?.rev).toBe(7)
  })
})

describe('mergeFront', () => {
  it('puts new runs first and keeps the rest once', () => {
    expect(ids(mergeFront([run('b'), run('c')], [run('a'), run('b')]))).toEqual(['a', 'b', 'c'])
  })
})

describe('appendPage', () => {
  it('keeps a run that moved between pages once', () => {
    expect(ids(appendPage([run('a'), run('b')], [run('b'), run('c')]))).toEqual(['a', 'b', 'c'])
  })
})

describe('order', () => {
  it('goes up, down, and back to the default', () => {
    const up = nextOrder(undefined, 'metrics.`val/loss`')
    expect(up).toEqual({ field: 'metrics.`val/loss`', ascending: true })
    const down = nextOrder(up, 'metrics.`val/loss`')
    expect(decodeOrder(encodeOrder(down))).toEqual({
      field: 'metrics.`val/loss`',
      ascending: false,
    })
    expect(nextOrder(down, 'metrics.`val/loss`')).toBeUndefined()
  })
})
