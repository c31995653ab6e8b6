import { describe, expect, it } from 'vitest'
import { kindOf, parseTable } from './artifactKinds'

describe('kindOf', () => {
  it.each([
    ['plot.PNG', 'image'],
    ['MLmodel', 'text'],
    ['conda.yaml', 'text'],
    ['report.html', 'html'],
    ['drawing.svg', 'html'],
    ['eval.csv', 'table'],
    ['model.pkl', 'other'],
    ['json', 'other'],
  ])('%s is %s', (name, kind) => expect(kindOf(name)).toBe(kind))
})

describe('parseTable', () => {
  it('reads quotes, doubled quotes and line ends within them', () => {
    expect(parseTable('a,b\r\n"x, ""y""","1\n2"\n', ',', 10)).toEqual([
      ['a', 'b'],
      ['x, "y"', '1\n2'],
    ])
  })
  it('keeps empty fields and a last line without an end', () => {
    expect(parseTable('a,,c\n,', ',', 10)).toEqual([
      ['a', '', 'c'],
      ['', ''],
    ])
  })
  it('stops at the limit', () => {
    expect(parseTable('1\n2\n3\n', ',', 2)).toHaveLength(2)
  })
})
