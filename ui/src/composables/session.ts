import { ref, shallowRef } from 'vue'
import * as api from '@/api/calls'
import { onSignedOut } from '@/api/client'
import { ApiError } from '@/api/errors'
import type { User } from '@/api/types'

export type SessionState = 'unknown' | 'in' | 'out'

/** What the desktop shell leaves in its window: it signs in by itself. */
interface ShellWindow {
  __BRANCHLINE__?: { signedIn?: Promise<boolean>; signIn?: () => Promise<boolean> }
}

const shell = () => (window as unknown as ShellWindow).__BRANCHLINE__

export const user = shallowRef<User>()
export const sessionState = ref<SessionState>('unknown')

let pending: Promise<SessionState> | undefined

async function ask(): Promise<SessionState> {
  await shell()?.signedIn?.catch(() => false)
  try {
    user.value = (await api.session()).user
    sessionState.value = 'in'
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error
    user.value = undefined
    sessionState.value = 'out'
  }
  return sessionState.value
}

/** Who is signed in; asks the server once. Throws when the server cannot be reached. */
export function ensureSession(): Promise<SessionState> {
  if (sessionState.value !== 'unknown') return Promise.resolve(sessionState.value)
  pending ??= ask().finally(() => (pending = undefined))
  return pending
}

export async function signInWithSecret(secret: string): Promise<void> {
  user.value = (await api.signInWithSecret(secret)).user
  sessionState.value = 'in'
}

export async function signInWithPassword(email: string, password: string): Promise<void> {
  user.value = (await api.signInWithPassword(email, password)).user
  sessionState.value = 'in'
}

export async function signOut(): Promise<void> {
  await api.signOut()
  user.value = undefined
  sessionState.value = 'out'
}

/** Calls back when a session ended under us; the shell gets one chance to sign in again. */
export function onSessionLost(lost: () => void): void {
  let renewing = false
  onSignedOut(() => {
    if (renewing || sessionState.value !== 'in') return
    renewing = true
    void (shell()?.signIn?.() ?? Promise.resolve(false))
      .catch(() => false)
      .then((again) => {
        renewing = false
        if (again) return
        user.value = undefined
        sessionState.value = 'out'
        lost()
      })
  })
}
