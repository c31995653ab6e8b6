import { reactive, readonly } from 'vue'
import { detailsOf, hintOf, messageOf } from '@/api/errors'

export interface Toast {
  id: number
  kind: 'info' | 'success' | 'error'
  title: string
  detail?: string
  /** What *Copy details* copies; only errors have it. */
  details?: string
  undo?: () => void | Promise<void>
  /** Opens what it is about. */
  open?: () => void
  expiresAt: number
  lifeMs: number
}

const UNDO_MS = 10_000
const INFO_MS = 4_000
const NEWS_MS = 10_000
const ERROR_MS = 12_000

const list = reactive<Toast[]>([])
const timers = new Map<number, ReturnType<typeof setTimeout>>()
let nextId = 1

export const toasts = readonly(list)

function show(toast: Omit<Toast, 'id' | 'expiresAt'>): number {
  // The same failure again only starts its time anew: no storms.
  const same = list.find((t) => t.kind === 'error' && !t.undo && t.title === toast.title)
  if (same && toast.kind === 'error') dismiss(same.id)
  const id = nextId++
  list.push({ ...toast, id, expiresAt: Date.now() + toast.lifeMs })
  while (list.length > 4) {
    const oldest = list[0]
    if (oldest) dismiss(oldest.id)
  }
  resume(id)
  return id
}

export function dismiss(id: number): void {
  clearTimeout(timers.get(id))
  timers.delete(id)
  const at = list.findIndex((toast) => toast.id === id)
  if (at >= 0) list.splice(at, 1)
}

/** Reading or reaching for *Undo* stops the clock. */
export function hold(id: number): void {
  clearTimeout(timers.get(id))
}

export function resume(id: number): void {
  const toast = list.find((t) => t.id === id)
  if (!toast) return
  clearTimeout(timers.get(id))
  timers.set(
    id,
    setTimeout(() => dismiss(id), toast.lifeMs),
  )
}

export function toastDone(title: string, detail?: string): void {
  show({ kind: 'success', title, lifeMs: INFO_MS, ...(detail ? { detail } : {}) })
}

/** Something that happened by itself; `open` goes to it. */
export function toastNews(title: string, detail: string, open?: () => void): void {
  const id = show({
    kind: 'info',
    title,
    detail,
    lifeMs: NEWS_MS,
    ...(open
      ? {
          open: () => {
            dismiss(id)
            open()
          },
        }
      : {}),
  })
}

export function toastUndo(title: string, undo: () => Promise<void>): void {
  const id = show({
    kind: 'info',
    title,
    lifeMs: UNDO_MS,
    undo: async () => {
      dismiss(id)
      try {
        await undo()
      } catch (error) {
        toastError('Could not undo', error)
      }
    },
  })
}

export function toastError(title: string, error: unknown): void {
  const hint = hintOf(error)
  show({
    kind: 'error',
    title,
    detail: hint ? `${messageOf(error)} ${hint}` : messageOf(error),
    details: `${title}\n${detailsOf(error)}`,
    lifeMs: ERROR_MS,
  })
}

/** Runs something a click asked for; a failure is told, and answers false. */
export async function attempt(what: string, act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    toastError(what, error)
    return false
  }
}
