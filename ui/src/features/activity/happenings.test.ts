import { expect, it } from 'vitest'
import type { Job, RegisteredModel, Run } from '@/api/types'
import { happenings } from './happenings'

const run = (id: string, started_at: string, ended_at?: string) =>
  ({
    run_id: id,
    name: id,
    experiment_id: '1',
    user_id: 'ada',
    status: ended_at ? 'FAILED' : 'RUNNING',
    started_at,
    ended_at,
  }) as Run
const names = new Map([['1', 'diabetes']])

it('tells of the beginning and the end of runs, newest first', () => {
  const runs = [
    run('a', '2026-01-01T00:00:00Z', '2026-01-01T02:00:00Z'),
    run('b', '2026-01-01T01:00:00Z'),
  ]
  expect(
    happenings(runs, [], [], names).map(({ name, word, place }) => [name, word, place]),
  ).toEqual([
    ['a', 'failed', 'diabetes'],
    ['b', 'started', 'diabetes'],
    ['a', 'started', 'diabetes'],
  ])
})

it('tells of models and jobs, and of no more than is wanted', () => {
  const at = '2026-01-01T00:00:00Z'
  const model = {
    name: 'm',
    rev: 3,
    created_at: at,
    updated_at: at,
    latest_version: null,
  } as RegisteredModel
  const job = {
    task_id: 'j',
    status: 'SUCCESS',
    queued_at: at,
    ended_at: '2026-01-01T00:01:00Z',
    command: ['python', 'train.py'],
    queue: 'main-queue',
  } as Job
  const all = happenings([], [model], [job], names)
  expect(all.map(({ name, word }) => `${name} ${word}`)).toEqual([
    'python train.py success',
    'm registered',
  ])
  expect(happenings([], [model], [job], names, 1)).toHaveLength(1)
})
