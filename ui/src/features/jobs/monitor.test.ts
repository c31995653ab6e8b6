import { expect, it } from 'vitest'
import type { Job, JobHistory } from '@/api/types'
import { COLUMNS, nextOrder, parseOrder, toCsv, writeOrder } from './columns'
import { chartsOf, inQueues, periodOf, usageCharts } from './monitor'

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

it('adds up what queues hold', () => {
  const queue = {
    name: 'a',
    concurrency: 2,
    paused: false,
    running: 1,
    ready: 2,
    held: 3,
    waiting: 4,
  }
  const all = [queue, { ...queue, name: 'b', paused: true, running: 0 }]
  expect(inQueues(all)).toEqual({ running: 1, waiting: 18, paused: 1 })
  expect(inQueues([])).toEqual({ running: 0, waiting: 0, paused: 0 })
})

it('shows the whole period, however few points there are', () => {
  expect(periodOf(history)).toEqual({ min: 0, max: 60 })
  expect(periodOf({ ...history, times: [] })).toBeUndefined()
})

it('tells processors from processor time, and never fewer than none', () => {
  const charts = usageCharts([
    { at: 0, cpuMs: 0, memory: 0, gpus: [] },
    { at: 1000, cpuMs: 1500, memory: 2 * 1024 * 1024, gpus: [] },
    { at: 2000, cpuMs: 500, memory: 1024 * 1024, gpus: [] },
  ])
  expect(charts.map(({ title }) => title)).toEqual(['Processors', 'Memory, MB'])
  expect(charts.map(({ lines }) => lines[0]?.data?.values)).toEqual([
    [1.5, 0],
    [2, 1],
  ])
})

it('draws a line for each GPU, and passes over what is not told', () => {
  const gpu = (slot: number, utilization: number | null, memory_bytes: number | null) => ({
    slot,
    utilization,
    memory_bytes,
  })
  const [, , busy, memory] = usageCharts([
    { at: 0, cpuMs: 0, memory: 0, gpus: [gpu(1, 0.5, null), gpu(0, null, 1024 * 1024)] },
    { at: 1000, cpuMs: 0, memory: 0, gpus: [gpu(0, 0.25, 1024 * 1024), gpu(1, 1, null)] },
  ])
  expect(busy?.lines.map(({ name, data }) => [name, data?.values])).toEqual([
    ['GPU 0', [25]],
    ['GPU 1', [50, 100]],
  ])
  expect(memory?.lines.map(({ name, data }) => [name, data?.timestamps])).toEqual([
    ['GPU 0', [0, 1000]],
  ])
})

it('orders by a header: again turns it, and the newest first needs no words', () => {
  const newest = parseOrder('')
  expect(writeOrder(newest)).toBe('')
  const byQueue = nextOrder(newest, 'queue')
  expect(writeOrder(byQueue)).toBe('queue ASC')
  expect(writeOrder(nextOrder(byQueue, 'queue'))).toBe('queue DESC')
  expect(writeOrder(nextOrder(byQueue, 'runtime'))).toBe('runtime DESC')
  expect(parseOrder('runtime DESC')).toEqual({ by: 'runtime', up: false })
  expect(parseOrder('args ASC')).toEqual(newest)
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
