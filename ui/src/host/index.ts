/**
 * What only a native shell can do. This is the one door to Tauri: in a browser every
 * function falls back to what the web offers, so the rest of the UI never asks where it runs.
 */
type Invoke = <T>(command: string, args?: Record<string, unknown>) => Promise<T>

async function shell(): Promise<Invoke | undefined> {
  if (!isDesktop()) return undefined
  const { invoke } = await import('@tauri-apps/api/core')
  return invoke
}

/** Whether the UI runs in the app's own window. */
export function isDesktop(): boolean {
  return typeof window !== 'undefined' && '__TAURI_INTERNALS__' in window
}

function clickLink(url: string, name: string): void {
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.rel = 'noopener'
  document.body.append(link)
  link.click()
  link.remove()
}

function downloadBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob)
  clickLink(url, name)
  // The browser has taken its own reference once the click was handled.
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

async function base64Of(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer())
  let binary = ''
  for (let at = 0; at < bytes.length; at += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000))
  }
  return btoa(binary)
}

/** Saves what a URL of this server answers. Gives the chosen path where there is one. */
export async function saveArtifact(url: string, name: string): Promise<string | null> {
  const invoke = await shell()
  const absolute = new URL(url, location.origin).toString()
  if (invoke) return invoke<string | null>('save_artifact', { url: absolute, name })
  clickLink(absolute, name)
  return null
}

/** Saves something made here: a chart as CSV, SVG or PNG. */
export async function saveBlob(blob: Blob, name: string): Promise<string | null> {
  const invoke = await shell()
  if (!invoke) {
    downloadBlob(blob, name)
    return null
  }
  if (blob.type.startsWith('image/png')) {
    return invoke<string | null>('save_bytes', { name, base64: await base64Of(blob) })
  }
  return invoke<string | null>('save_text', { name, text: await blob.text() })
}

/** Shows a file of the data folder in the file manager; only the desktop can. */
export async function revealPath(path: string): Promise<void> {
  const invoke = await shell()
  if (invoke) await invoke('reveal_path', { path })
}

/** Opens a web page outside the app. */
export async function openExternal(url: string): Promise<void> {
  const invoke = await shell()
  if (invoke) await invoke('open_external', { url })
  else window.open(url, '_blank', 'noopener')
}

/** Whether the browser has yet to be asked if it may tell on the desktop; the app may. */
export function mayAskToNotify(): boolean {
  return !isDesktop() && 'Notification' in window && Notification.permission === 'default'
}

/** Asks the person whether the browser may tell on the desktop; for a click. */
export async function askToNotify(): Promise<void> {
  if (mayAskToNotify()) await Notification.requestPermission()
}

/**
 * Tells on the desktop; `open` when the person chooses what was told. The same tag is told once,
 * whatever windows are open.
 */
export async function notifyDesktop(
  title: string,
  body: string,
  tag: string,
  open: () => void,
): Promise<void> {
  const invoke = await shell()
  if (invoke) {
    // Where the desktop shows none, the window's own list has it.
    const chosen = await invoke<boolean>('notify', { title, body }).catch(() => false)
    return chosen ? open() : undefined
  }
  if (!('Notification' in window) || Notification.permission !== 'granted') return
  const shown = new Notification(title, { body, tag })
  shown.addEventListener('click', () => {
    window.focus()
    shown.close()
    open()
  })
}

/** Asks for a folder of this machine; only the desktop can. Nothing when the person cancelled. */
export async function pickFolder(): Promise<string | null> {
  const invoke = await shell()
  return invoke ? invoke<string | null>('pick_folder') : null
}
