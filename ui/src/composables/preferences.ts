import { computed, reactive, type WritableComputedRef } from 'vue'
import * as api from '@/api/calls'

/**
 * What a person likes, kept in the database so that it follows them, with a copy in the
 * browser so that the first paint is already right.
 */
const MIRROR = 'branchline.preferences'
const WAIT_MS = 400

const values = reactive<Record<string, unknown>>(readMirror())
const unsaved: Record<string, unknown> = {}
let timer: ReturnType<typeof setTimeout> | undefined

function readMirror(): Record<string, unknown> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(MIRROR) ?? '{}')
    return typeof stored === 'object' && stored !== null ? { ...stored } : {}
  } catch {
    return {}
  }
}

function writeMirror(): void {
  try {
    localStorage.setItem(MIRROR, JSON.stringify(values))
  } catch {
    // A full or forbidden storage costs only the early paint.
  }
}

async function save(leaving = false): Promise<void> {
  clearTimeout(timer)
  const patch = { ...unsaved }
  for (const key of Object.keys(patch)) Reflect.deleteProperty(unsaved, key)
  try {
    await api.patchPreferences(patch, leaving)
  } catch {
    // Kept for the next change; the mirror has it meanwhile.
    for (const [key, value] of Object.entries(patch)) unsaved[key] ??= value
  }
}

// A page that goes within the wait takes nothing with it: the server's word would undo it.
globalThis.addEventListener?.('pagehide', () => {
  if (Object.keys(unsaved).length > 0) void save(true)
})

/** Takes the server's word for everything that was not changed here since. */
export async function loadPreferences(): Promise<void> {
  const stored = await api.preferences()
  for (const key of Object.keys(values)) {
    if (!(key in stored) && !(key in unsaved)) Reflect.deleteProperty(values, key)
  }
  for (const [key, value] of Object.entries(stored)) if (!(key in unsaved)) values[key] = value
  writeMirror()
}

export function setPreference(key: string, value: unknown): void {
  if (JSON.stringify(values[key]) === JSON.stringify(value)) return
  values[key] = value
  unsaved[key] = value
  writeMirror()
  clearTimeout(timer)
  timer = setTimeout(() => void save(), WAIT_MS)
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
