import { describe, expect, it } from 'vitest'
import { highlight, languageOf } from './highlight'

describe('highlight', () => {
  it('loses nothing', () => {
    const text = 'import mlflow  # client\nmlflow.log_metric("rmse", 0.5)\n'
    const back = highlight(text, 'python')
      .map((row) => row.map((piece) => piece.text).join(''))
      .join('\n')
    expect(back).toBe(text)
  })
  it('knows keywords, strings, numbers and comments', () => {
    const kinds = highlight('return "a", 5 # why', 'python')[0]?.map((piece) => piece.kind)
    expect(kinds).toEqual(['keyword', 'plain', 'string', 'plain', 'number', 'plain', 'comment'])
  })
  it('tells keys from values', () => {
    expect(highlight('{"a": "b"}', 'json')[0]?.map((p) => p.kind)).toContain('key')
    expect(highlight('flavors:', 'yaml')[0]?.[0]).toEqual({ kind: 'key', text: 'flavors' })
  })
})

describe('languageOf', () => {
  it('knows the files of models', () => {
    expect(languageOf('MLmodel')).toBe('yaml')
    expect(languageOf('train.py')).toBe('python')
    expect(languageOf('notes')).toBe('text')
  })
})
