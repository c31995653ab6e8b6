import { expect, it } from 'vitest'
import type { Run } from '@/api/types'
import { allColumns, defaultColumns, neededWidth, type Column } from './columns'

const keys = {
  params: ['a', 'b', 'c', 'd', 'e', 'f'],
  metrics: ['system/gpu', 'val/loss'],
  tags: ['mlflow.user', 'team'],
}

it('offers every key but what mlflow keeps for itself', () => {
  const ids = allColumns(keys).map((column) => column.id)
  expect(ids).toContain('tags.team')
  expect(ids).not.toContain('tags.mlflow.user')
  expect(allColumns(keys).find((c) => c.id === 'metrics.val/loss')?.field).toBe(
    'metrics.`val/loss`',
  )
})

it('begins with what varies and leaves the machine out', () => {
  const run = (a: string, b: string, c: string) => ({ params: { a, b, c } }) as unknown as Run
  const runs = [run('1', 'x', '7'), run('2', 'x', '8'), run('2', 'x', '9')]
  const ids = defaultColumns(keys, runs)
  expect(ids.filter((id) => id.startsWith('params.'))).toEqual(['params.a', 'params.c'])
  expect(ids).toContain('metrics.val/loss')
  expect(ids).not.toContain('metrics.system/gpu')
})

it('takes the first parameters while there is nothing to compare', () => {
  expect(defaultColumns(keys, []).filter((id) => id.startsWith('params.'))).toHaveLength(3)
})

it('is as wide as its longest value needs, up to a limit', () => {
  const all = allColumns({ params: ['lr'], metrics: [], tags: [] })
  const lr = all.find((c) => c.id === 'params.lr') as Column
  const run = (value: string) => ({ params: { lr: value } }) as unknown as Run
  expect(neededWidth(lr, [], 0)).toBe(lr.width)
  expect(neededWidth(lr, [run('0.1')], 0)).toBe(lr.width)
  expect(neededWidth(lr, [run('0.1'), run('cosine-decay')], 0)).toBeGreaterThan(12 * 7)
  expect(neededWidth(lr, [run('x'.repeat(500))], 0)).toBe(190)
})
