import { expect, it } from 'vitest'
import type { Token } from '@/api/types'
import { apart, jobOf } from './tokens'

const token = (name: string, scope: Token['scope'] = 'log'): Token => ({
  id: 1,
  name,
  scope,
  created_at: '2026-11-30T08:00:00Z',
})

it('tells the tokens of jobs by the name that the server gives them', () => {
  expect(jobOf(token('job 4f0c-1'))).toBe('4f0c-1')
  expect(jobOf(token('job of the night'))).toBeUndefined()
  expect(jobOf(token('a job'))).toBeUndefined()
  expect(jobOf(token('job 4f0c-1', 'admin'))).toBeUndefined()
  const [mine, of] = [token('laptop'), token('job 1')]
  expect(apart([of, mine])).toEqual({ own: [mine], ofJobs: [of] })
})
