import { beforeEach, expect, it } from 'vitest'
import { notePlace, takePlace } from './place'

beforeEach(() => sessionStorage.clear())

it('finds the place of the same list, once', () => {
  notePlace('a', { scrollTop: 900, rows: 9000 })
  expect(takePlace('a')).toEqual({ scrollTop: 900, rows: 5000 })
  expect(takePlace('a')).toBeUndefined()
})

it('knows nothing of another list, of the top, or of rubbish', () => {
  notePlace('a', { scrollTop: 900, rows: 100 })
  expect(takePlace('b')).toBeUndefined()
  notePlace('a', { scrollTop: 0, rows: 100 })
  expect(takePlace('a')).toBeUndefined()
  sessionStorage.setItem('branchline.runs.place', '{')
  expect(takePlace('a')).toBeUndefined()
})
