// As the window looks: what the person chose there, else what the system prefers.
;(() => {
  let chosen
  try {
    chosen = JSON.parse(localStorage.getItem('branchline.preferences') ?? '{}').theme
  } catch {
    // Storage that cannot be read chooses nothing.
  }
  const dark =
    chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  // The first is ours, the second Swagger UI's.
  document.documentElement.dataset.theme = dark ? 'dark' : 'light'
  document.documentElement.classList.toggle('dark-mode', dark)
})()
