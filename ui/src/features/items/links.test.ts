import { expect, it } from 'vitest'
import { placeOf, titleOf } from './links'

it('leads to what an item is about', () => {
  expect(placeOf({ kind: 'run', id: 'abc' })).toEqual({
    name: 'run',
    params: { experimentId: '-', runId: 'abc' },
  })
  expect(placeOf({ kind: 'model_version', id: 'a/b/3' })).toEqual({
    name: 'version',
    params: { name: 'a/b', version: '3' },
  })
  expect(placeOf({ kind: 'job', id: '1' })).toEqual({ name: 'jobs', query: { job: '1' } })
  expect(placeOf({ kind: 'comet', id: '1' })).toBeUndefined()
})

it('names it shortly', () => {
  expect(titleOf({ kind: 'run', id: '5d41402abc4b2a76' })).toBe('run 5d41402a')
  expect(titleOf({ kind: 'registered_model', id: 'diabetes' })).toBe('model diabetes')
})
