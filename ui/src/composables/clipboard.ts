import { toastError } from './toasts'

/** Copies text; outside secure contexts (a plain-http team server) by the older way. */
export async function copyText(text: string): Promise<boolean> {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text)
    else copyBySelection(text)
    return true
  } catch {
    try {
      copyBySelection(text)
      return true
    } catch (error) {
      toastError('Could not copy', error)
      return false
    }
  }
}

function copyBySelection(text: string): void {
  const area = document.createElement('textarea')
  area.value = text
  area.style.position = 'fixed'
  area.style.opacity = '0'
  document.body.append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  if (!done) throw new Error('The browser did not allow it.')
}
