import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import * as api from '@/api/calls'

vi.mock('@/api/calls', () => ({ patchPreferences: vi.fn(), preferences: vi.fn() }))

/** The module as a page finds it that has just been loaded. */
async function page() {
  vi.resetModules()
  return import('./preferences')
}
const isString = (value: unknown): value is string => typeof value === 'string'
const sent = () => vi.mocked(api.patchPreferences).mock.calls
const leave = () => window.dispatchEvent(new Event('pagehide'))

beforeEach(() => {
  vi.useFakeTimers()
  localStorage.clear()
  sessionStorage.clear()
  vi.mocked(api.patchPreferences).mockReset().mockResolvedValue({})
  vi.mocked(api.preferences).mockReset().mockResolvedValue({})
})
afterEach(() => {
  // A page that is left takes its listeners with it; here they would be heard by the next.
  leave()
  vi.useRealTimers()
})

it('saves what changed within a moment at once, and nothing twice', async () => {
  const { setPreference } = await page()
  setPreference('theme', 'dark')
  setPreference('width', 3)
  setPreference('theme', 'light')
  expect(sent()).toEqual([])
  await vi.runAllTimersAsync()
  expect(sent()).toEqual([[{ theme: 'light', width: 3 }, false]])
  leave()
  expect(sent()).toHaveLength(1)
})

it('saves with the next change what could not be saved', async () => {
  const { setPreference } = await page()
  vi.mocked(api.patchPreferences).mockRejectedValueOnce(new Error('away'))
  setPreference('theme', 'dark')
  await vi.runAllTimersAsync()
  setPreference('width', 3)
  await vi.runAllTimersAsync()
  expect(sent().at(-1)).toEqual([{ theme: 'dark', width: 3 }, false])
})

it('keeps what changed before a reload, though the server answers with what was before', async () => {
  const before = await page()
  before.setPreference('theme', 'dark')
  leave()
  expect(sent()).toEqual([[{ theme: 'dark' }, true]])

  const after = await page()
  const theme = after.usePreference('theme', 'system', isString)
  expect(theme.value).toBe('dark')
  vi.mocked(api.preferences).mockResolvedValue({ theme: 'light' })
  await after.loadPreferences()
  expect(theme.value).toBe('dark')
  await vi.runAllTimersAsync()
  expect(sent().at(-1)).toEqual([{ theme: 'dark' }, false])
  await after.loadPreferences()
  expect(theme.value).toBe('light')
})

it('does not send again what the server has', async () => {
  const before = await page()
  before.setPreference('theme', 'dark')
  leave()
  const after = await page()
  vi.mocked(api.preferences).mockResolvedValue({ theme: 'dark' })
  await after.loadPreferences()
  await vi.runAllTimersAsync()
  expect(sent()).toHaveLength(1)
})

it('gives nothing unsaved to whoever signs in next', async () => {
  const { setPreference, dropUnsaved, loadPreferences } = await page()
  setPreference('theme', 'dark')
  dropUnsaved()
  await loadPreferences()
  await vi.runAllTimersAsync()
  leave()
  expect(sent()).toEqual([])
})
