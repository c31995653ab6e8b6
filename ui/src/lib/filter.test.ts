import { describe, expect, it } from 'vitest'
import { andFilter, completionsAt, indexOfCharacter, metricOf, quoteKey, tokenize } from './filter'

const keys = { metrics: ['rmse', 'val/loss', 'r2'], params: ['alpha', 'l1_ratio'], tags: ['team'] }
const labels = (text: string) => completionsAt(text, text.length, keys).items.map((i) => i.label)

describe('tokenize', () => {
  it('loses no character', () => {
    const text = 'metrics.`val/loss` < 7.2e-1 AND params.l1_ratio = \'0.75\' OR (x != "ü 🦉"'
    expect(
      tokenize(text)
        .map((t) => t.text)
        .join(''),
    ).toBe(text)
  })

  it('tells entities, keys, operators and values apart', () => {
    const kinds = tokenize("metrics.rmse < 72 AND status = 'RUNNING'")
      .filter((t) => t.kind !== 'space')
      .map((t) => t.kind)
    expect(kinds).toEqual([
      'entity',
      'dot',
      'key',
      'operator',
      'number',
      'keyword',
      'key',
      'operator',
      'string',
    ])
  })

  it('reads double quotes after a comparison as a value, elsewhere as a key', () => {
    const kinds = tokenize('params."a" = "b"').filter((t) => t.text.startsWith('"'))
    expect(kinds.map((t) => t.kind)).toEqual(['key', 'string'])
  })
})

describe('completionsAt', () => {
  it('begins with the entities', () => {
    expect(labels('').slice(0, 3)).toEqual(['metrics.', 'params.', 'tags.'])
  })

  it('offers the keys that exist', () => {
    expect(labels('metrics.')).toEqual(['rmse', 'val/loss', 'r2'])
    expect(labels('metrics.r')).toEqual(['rmse', 'r2'])
  })

  it('finds a key without its entity', () => {
    const found = completionsAt('alp', 3, keys)
    expect(found.items.map((i) => i.insert)).toContain('params.alpha ')
    expect([found.from, found.to]).toEqual([0, 3])
  })

  it('quotes keys that are not one word', () => {
    const item = completionsAt('metrics.val', 11, keys).items[0]
    expect(item?.insert).toBe('metrics.`val/loss` '.slice('metrics.'.length))
    expect(quoteKey('a b')).toBe('`a b`')
    expect(quoteKey('and')).toBe('`and`')
  })

  it('offers operators that fit the field', () => {
    expect(labels('metrics.rmse ')).toContain('>=')
    expect(labels('metrics.rmse ')).not.toContain('LIKE')
    expect(labels('params.alpha ')).toContain('LIKE')
  })

  it('offers statuses, then AND', () => {
    expect(labels('status = ')).toContain("'FINISHED'")
    expect(labels("status = 'FINISHED' ")).toEqual(['AND', 'OR'])
  })

  it('stays silent inside a finished value', () => {
    expect(labels("params.alpha = 'x'")).toEqual([])
  })
})

describe('positions', () => {
  it('counts characters, not UTF-16 units', () => {
    expect(indexOfCharacter('🦉🦉x', 2)).toBe(4)
  })
})

describe('andFilter', () => {
  it('keeps the precedence of what was typed', () => {
    expect(andFilter('a = 1 OR b = 2', "run_id IN ('x')")).toBe(
      "(a = 1 OR b = 2) AND run_id IN ('x')",
    )
    expect(andFilter('  ', 'c')).toBe('c')
  })
})

it('reads the metric of an order back', () => {
  expect(metricOf(`metrics.${quoteKey('val/loss')} ASC`)).toBe('val/loss')
  expect(metricOf('metrics.rmse DESC')).toBe('rmse')
  expect(metricOf('start_time DESC')).toBeUndefined()
  expect(metricOf('params.alpha ASC')).toBeUndefined()
  expect(metricOf('')).toBeUndefined()
})
