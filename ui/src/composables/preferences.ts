import { computed, reactive, type WritableComputedRef } from 'vue'
import * as api from '@/api/calls'

/**
 * What a person likes, kept in the database so that it follows them, with a copy in the
 * browser so that the first paint is already right.
 */
const MIRROR = 'branchline.preferences'
/** What a page that went had not saved, for the one that comes in its place. */
const LEFT = 'branchline.preferences.left'
const WAIT_MS = 400

const unsaved = read(() => sessionStorage, LEFT)
const values = reactive({ ...read(() => localStorage, MIRROR), ...unsaved })
let timer: ReturnType<typeof setTimeout> | undefined

function read(storage: () => Storage, name: string): Record<string, unknown> {
  try {
    const stored: unknown = JSON.parse(storage().getItem(name) ?? '{}')
    return typeof stored === 'object' && stored !== null ? { ...stored } : {}
  } catch {
    return {}
  }
}

function write(storage: () => Storage, name: string, what: object): void {
  try {
    storage().setItem(name, JSON.stringify(what))
  } catch {
    // A full or forbidden storage costs only the early paint.
  }
}

const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)
const isSaved = () => Object.keys(unsaved).length === 0

function saveSoon(): void {
  clearTimeout(timer)
  timer = setTimeout(() => void save(), WAIT_MS)
}

/** What fails is kept for the next change. */
async function save(leaving = false): Promise<void> {
  clearTimeout(timer)
  if (isSaved()) return
  const patch = { ...unsaved }
  try {
    await api.patchPreferences(patch, leaving)
  } catch {
    return
  }
  for (const [key, value] of Object.entries(patch)) {
    if (unsaved[key] === value) Reflect.deleteProperty(unsaved, key)
  }
}

// A page that goes within the wait takes nothing with it. The next may ask before the server
// has what this one sends.
globalThis.addEventListener?.('pagehide', () => {
  write(() => sessionStorage, LEFT, unsaved)
  void save(true)
})

/** Takes the server's word for everything that was not changed here since. */
export async function loadPreferences(): Promise<void> {
  const stored = await api.preferences()
  for (const key of Object.keys(values)) {
    if (!(key in stored) && !(key in unsaved)) Reflect.deleteProperty(values, key)
  }
  for (const [key, value] of Object.entries(stored)) {
    if (isSame(unsaved[key], value)) Reflect.deleteProperty(unsaved, key)
    if (!(key in unsaved)) values[key] = value
  }
  write(() => localStorage, MIRROR, values)
  if (!isSaved()) saveSoon()
}

/** Whoever signs in next is perhaps another. */
export function dropUnsaved(): void {
  clearTimeout(timer)
  for (const key of Object.keys(unsaved)) Reflect.deleteProperty(unsaved, key)
}

export function setPreference(key: string, value: unknown): void {
  if (isSame(values[key], value)) return
  values[key] = value
  unsaved[key] = value
  write(() => localStorage, MIRROR, values)
  saveSoon()
}

/** A preference as a ref. `accepts` guards against what an older version may have left. */
export function usePreference<T>(
  key: string | (() => string),
  fallback: T,
  accepts: (value: unknown) => value is T,
): WritableComputedRef<T> {
  const name = () => (typeof key === 'function' ? key() : key)
  return computed({
    get: () => {
      const value = values[name()]
      return accepts(value) ? value : fallback
    },
    set: (value) => setPreference(name(), value),
  })
}

export const isNumber = (value: unknown): value is number => typeof value === 'number'
export const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean'
export const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')
export const oneOf =
  <T extends string>(...allowed: T[]) =>
  (value: unknown): value is T =>
    allowed.includes(value as T)
