import { useEventListener } from '@vueuse/core'

/** What is cut for want of room is told whole to a pointer that rests on it. */
export function useCutText(): void {
  useEventListener(document, 'mouseover', ({ target }) => {
    const cut = target instanceof Element ? target.closest('.truncate') : undefined
    if (!(cut instanceof HTMLElement) || cut.scrollWidth <= cut.clientWidth) return
    if (cut.closest('[title]') || cut.querySelector('[title]')) return
    cut.title = cut.textContent.trim()
    cut.addEventListener('mouseleave', () => cut.removeAttribute('title'), { once: true })
  })
}
