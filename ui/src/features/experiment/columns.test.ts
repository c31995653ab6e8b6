import { expect, it } from 'vitest'
import { allColumns, defaultColumns } from './columns'

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

it('begins with a handful and leaves the machine out', () => {
  const ids = defaultColumns(keys)
  expect(ids).toContain('params.e')
  expect(ids).not.toContain('params.f')
  expect(ids).toContain('metrics.val/loss')
  expect(ids).not.toContain('metrics.system/gpu')
})
