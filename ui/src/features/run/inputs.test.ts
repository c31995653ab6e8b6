import { expect, it } from 'vitest'
import { inputShape } from './inputs'

const input = { name: 'd', digest: 'x', source_type: 'local' }

it('reads the shape that mlflow wrote', () => {
  expect(
    inputShape({
      ...input,
      profile: '{"num_rows": 442, "num_elements": 4862}',
      schema: '{"mlflow_colspec": [{"name": "a"}, {"name": "b"}]}',
    }),
  ).toBe('442 rows, 2 columns')
})

it('says nothing about what it cannot read', () => {
  expect(inputShape({ ...input, profile: 'not json', schema: null })).toBe('')
})
