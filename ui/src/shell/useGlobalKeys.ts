import { useEventListener } from '@vueuse/core'
import { useRouter } from 'vue-router'
import { keysAreTaken } from '@/composables/keyboard'
import { paletteOpen, shortcutsOpen } from './panels'

/** Where `g` and a letter lead. */
export const GO: Record<string, string> = {
  h: '/',
  a: '/activity',
  e: '/experiments',
  r: '/runs',
  m: '/models',
  i: '/items',
  j: '/jobs',
  p: '/projects',
  t: '/trash',
  s: '/settings',
}
const CHORD_MS = 900

/** Ctrl/Cmd-K anywhere; `g` then a letter goes to a room; `?` shows what keys do. */
export function useGlobalKeys(): void {
  const router = useRouter()
  let wentAt = 0

  useEventListener(
    window,
    'keydown',
    (event) => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        paletteOpen.value = !paletteOpen.value
        return
      }
      if (event.ctrlKey || event.metaKey || event.altKey || keysAreTaken(event)) return
      if (event.key === 'g') {
        wentAt = Date.now()
      } else if (event.key === '?') {
        shortcutsOpen.value = true
        event.preventDefault()
      } else {
        const target = Date.now() - wentAt < CHORD_MS ? GO[event.key] : undefined
        wentAt = 0
        if (!target) return
        event.preventDefault()
        event.stopImmediatePropagation()
        void router.push(target)
      }
    },
    { capture: true },
  )
}
