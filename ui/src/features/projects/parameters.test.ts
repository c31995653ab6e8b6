import { expect, it } from 'vitest'
import { readParameters } from './parameters'

it('reads parameters line by line', () => {
  expect(readParameters('a = 0.1\n\n b= [1]\nname =two words\n')).toEqual({
    a: 0.1,
    b: [1],
    name: 'two words',
  })
  expect(() => readParameters('a = 1\nnothing')).toThrow('Line 2')
})
