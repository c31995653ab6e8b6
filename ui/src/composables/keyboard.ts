import { useEventListener } from '@vueuse/core'

/** True while keys belong to a field, a menu or a dialog rather than to the page. */
export function keysAreTaken(event: KeyboardEvent): boolean {
  const target = event.target
  if (!(target instanceof HTMLElement)) return false
  if (target.isContentEditable) return true
  if (target.closest('[role="dialog"], [role="menu"], [role="alertdialog"]')) return true
  return target.matches('input:not([type=checkbox]):not([type=range]), textarea, select')
}

/** Single-key shortcuts of a page. A handler that returns false leaves the key alone. */
export function useShortcuts(shortcuts: Record<string, (event: KeyboardEvent) => void | false>) {
  useEventListener(window, 'keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    const act = shortcuts[event.key]
    if (!act || keysAreTaken(event)) return
    if (act(event) !== false) event.preventDefault()
  })
}

export const isMac = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.userAgent)
export const modKey = isMac ? '⌘' : 'Ctrl'
