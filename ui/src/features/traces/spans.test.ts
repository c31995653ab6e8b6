import { expect, it } from 'vitest'
import type { Span } from '@/api/types'
import { barOf, plainText, previewText, spanOf, spanRows } from './spans'

const span = (id: string, parent: string | null, start_ms: number, duration_ms: number | null) =>
  ({ span_id: id, parent_id: parent, start_ms, duration_ms }) as unknown as Span

const shape = (spans: Span[], folded: string[] = []) =>
  spanRows(spans, new Set(folded)).map(({ span: { span_id }, depth }) => `${depth}${span_id}`)

it('puts spans under their parents in the order they began', () => {
  const spans = [
    span('a', null, 0, 9),
    span('c', 'a', 5, 1),
    span('b', 'a', 1, 3),
    span('d', 'b', 2, 1),
  ]
  expect(shape(spans)).toEqual(['0a', '1b', '2d', '1c'])
  expect(shape(spans, ['b'])).toEqual(['0a', '1b', '1c'])
})

it('shows a span whose parent is still on its way, and ends in a circle', () => {
  expect(shape([span('b', 'gone', 1, 1)])).toEqual(['0b'])
  expect(shape([span('a', 'b', 0, 1), span('b', 'a', 0, 1)])).toEqual([])
})

it('draws bars that can be seen', () => {
  const whole = spanOf([span('a', null, 0, 100), span('b', 'a', 40, 20)])
  expect(whole).toBe(100)
  expect(barOf(span('b', 'a', 40, 20), whole)).toEqual({ left: 0.4, width: 0.2 })
  expect(barOf(span('z', 'a', 100, 0), whole).width).toBeGreaterThan(0)
  expect(barOf(span('open', 'a', 60, null), whole)).toEqual({ left: 0.6, width: 0.4 })
  expect(spanOf([])).toBeGreaterThan(0)
})

it('knows a value that is only a text', () => {
  expect(plainText('hello')).toBe('hello')
  expect(plainText({ question: 'why?' })).toBe('why?')
  expect(plainText({ a: 'x', b: 'y' })).toBeUndefined()
  expect(plainText([1])).toBeUndefined()
})

it('shows previews without the JSON around them', () => {
  expect(previewText('"yes"')).toBe('yes')
  expect(previewText('{"question": "why?"}')).toBe('why?')
  expect(previewText('{"a": 1, "b": "x"}')).toBe('{"a": 1, "b": "x"}')
  expect(previewText('"a long answer that is c')).toBe('a long answer that is c')
  expect(previewText(null)).toBe('')
})
