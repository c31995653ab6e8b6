import { expect, it, vi } from 'vitest'
import { isLike, sameView, useSavedViews } from './views'

vi.mock('@/api/calls', () => ({ patchPreferences: vi.fn(), preferences: vi.fn() }))

const view = { filter: 'metrics.rmse < 1', order: 'start_time DESC', columns: ['run', 'rmse'] }

it('knows a view that an older version left by its parts', () => {
  expect(isLike({ ...view }, view)).toBe(true)
  expect(isLike({ filter: '', order: '' }, view)).toBe(false)
  expect(isLike({ ...view, columns: 'run' }, view)).toBe(false)
  for (const value of [null, 'text', []]) expect(isLike(value, view)).toBe(false)
})

it('says which view is shown, by all of its parts', () => {
  expect(sameView(view, { ...view, columns: ['run', 'rmse'] })).toBe(true)
  expect(sameView(view, { ...view, columns: ['rmse', 'run'] })).toBe(false)
  expect(sameView(view, { ...view, order: '' })).toBe(false)
})

it('keeps views by name, writes over a name that is there, and forgets one alone', () => {
  let shown = view
  const saved = useSavedViews('of a test', () => shown)
  saved.save('good ones')
  shown = { ...view, filter: '' }
  saved.save('all')
  expect(saved.views.value.map(({ name }) => name)).toEqual(['good ones', 'all'])
  saved.save('good ones')
  expect(saved.views.value[0]?.view.filter).toBe('')
  saved.forget('good ones')
  expect(saved.views.value.map(({ name }) => name)).toEqual(['all'])
})
