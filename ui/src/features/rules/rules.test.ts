import { expect, test } from 'vitest'
import type { Notification } from '@/api/types'
import { becameOf, compares, placeOf } from './rules'

const told = (part: Partial<Notification>): Notification => ({
  id: 1,
  title: 'loss is NaN',
  text: '',
  at: '2026-11-29T12:00:00Z',
  desktop: true,
  ...part,
})

test('a notification leads to the job or run that it is about', () => {
  expect(placeOf(told({}))).toBeUndefined()
  expect(placeOf(told({ on: 'job.failed', subject_id: 'j' }))).toEqual({
    name: 'jobs',
    query: { job: 'j' },
  })
  expect(placeOf(told({ on: 'metric.above', subject_id: 'r', experiment_id: '3' }))).toEqual({
    name: 'run',
    params: { experimentId: '3', runId: 'r' },
  })
})

test('what became of it is said by each channel, and a failure is marked', () => {
  const rows = becameOf(told({ webhook: 'It answered 500.', email: 'kept' }))
  expect(rows.map(({ channel, bad }) => [channel, bad])).toEqual([
    ['Window', false],
    ['Mail', false],
    ['Webhook', true],
  ])
  expect(becameOf(told({ desktop: false }))).toEqual([])
})

test('only a threshold is compared with', () => {
  expect(['metric.not_finite', 'metric.above', 'job.failed'].map(compares)).toEqual([
    false,
    true,
    false,
  ])
})
