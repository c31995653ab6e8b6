import { expect, it } from 'vitest'
import { parentsOf } from './useArtifactTree'

it('opens what a selected file lies in', () => {
  expect(parentsOf('model/data/model.pkl')).toEqual(['model', 'model/data'])
  expect(parentsOf('plot.png')).toEqual([])
  expect(parentsOf('')).toEqual([])
})
