import { expect, it } from 'vitest'
import type { Job, JobHistory } from '@/api/types'
import { COLUMNS, toCsv } from './columns'
import { chartsOf, periodOf, usageLines } from './monitor'

const history: JobHistory = {
  period_ms: 60_000,
  times: [0, 60_000],
  succeeded: [1, 2],
  failed: [0, 1],
  revoked: [0, 0],
  retried: [3, 0],
  wait_ms: [null, 1500],
  longest_wait_ms: [null, 2000],
  run_ms: [null, 250],
}

it('draws throughput, latency and failures', () => {
  const [throughput, latency, failures] = chartsOf(history)
  expect(throughput?.title).toBe('Jobs ended a minute')
  expect(throughput?.lines.map(({ name }) => name)).toEqual(['succeeded', 'failed', 'cancelled'])
  expect(latency?.lines[0]?.data?.values).toEqual([1.5])
  expect(failures?.lines.map(({ data }) => data?.values)).toEqual([
    [0, 1],
    [3, 0],
  ])
})

it('shows the whole period, however few points there are', () => {
  expect(periodOf(history)).toEqual({ min: 0, max: 60 })
  expect(periodOf({ ...history, times: [] })).toBeUndefined()
})

it('tells processors from processor time, and never fewer than none', () => {
  const { cpu, memory } = usageLines([
    { at: 0, cpuMs: 0, memory: 0 },
    { at: 1000, cpuMs: 1500, memory: 2 * 1024 * 1024 },
    { at: 2000, cpuMs: 500, memory: 1024 * 1024 },
  ])
  expect(cpu.data?.values).toEqual([1.5, 0])
  expect(memory.data?.values).toEqual([2, 1])
})

it('writes the chosen columns as CSV', () => {
  const job = {
    task_id: 'a',
    status: 'FAILURE',
    name: 'command',
    command: ['echo', 'a "b"'],
    args: [],
    kwargs: { x: 1 },
    retries: 2,
    message: 'no, really',
  } as unknown as Job
  const columns = COLUMNS.filter(({ id }) => ['state', 'job', 'kwargs', 'exception'].includes(id))
  expect(toCsv([job], columns)).toBe(
    'State,Job,kwargs,Exception\nFAILURE,"echo ""a \\""b\\""""","{""x"":1}","no, really"\n',
  )
})
