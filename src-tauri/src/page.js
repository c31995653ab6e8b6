// What the window does before the page's own code runs.
(() => {
  if (location.origin !== "@origin@" || window.top !== window) return

  // WebKitGTK hands on the system's language even where it is none ("C", "POSIX"),
  // and whoever formats numbers by it then throws.
  try {
    new Intl.Locale(navigator.language)
  } catch {
    Object.defineProperty(navigator, 'language', { value: 'en-US' })
    Object.defineProperty(navigator, 'languages', { value: Object.freeze(['en-US']) })
  }

  // Signs in. A session that is still good is kept, so a reload costs one small
  // request; otherwise the shell gives a secret that works once, which is posted
  // and forgotten.
  const path = '/api/v1/session'

  async function signIn() {
    const secret = await window.__TAURI_INTERNALS__.invoke('sign_in_secret')
    const answer = await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ secret }),
    })
    return answer.ok
  }

  async function start() {
    const known = await fetch(path)
    return known.ok || signIn()
  }

  // A page that cannot sign in shows the ordinary sign-in form.
  const orFalse = (attempt) => attempt().catch((error) => (console.error(error), false))

  Object.defineProperty(window, '__BRANCHLINE__', {
    value: Object.freeze({
      desktop: true,
      signedIn: orFalse(start),
      signIn: () => orFalse(signIn),
    }),
  })
})()
