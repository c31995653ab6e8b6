import { expect, it } from 'vitest'
import { aliasSlot, loadSnippet } from './aliases'

it('gives an alias the same colour each time', () => {
  expect(aliasSlot('blue-green')).toBe(aliasSlot('blue-green'))
  expect(aliasSlot('champion')).not.toBe(aliasSlot('challenger'))
})

it('loads by alias, or by version where there is none', () => {
  expect(loadSnippet('iris', { alias: 'champion', version: 3 })).toContain(
    '"models:/iris@champion"',
  )
  expect(loadSnippet('iris', { version: 3 })).toContain('"models:/iris/3"')
})
