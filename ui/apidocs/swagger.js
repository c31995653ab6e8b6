/* global SwaggerUIBundle */
;(async () => {
  const spec = await (await fetch('/api/v1/openapi.json')).json()
  // The browser sends the window's session by itself, and a page could not set its cookie; basic
  // is for programs. With two ways left the dialog says at once what to do.
  const shown = (name) => !['session', 'basic'].includes(name)
  const { components } = spec
  components.securitySchemes = Object.fromEntries(
    Object.entries(components.securitySchemes).filter(([name]) => shown(name)),
  )
  spec.security = spec.security.filter((scheme) => Object.keys(scheme).every(shown))
  SwaggerUIBundle({
    spec,
    dom_id: '#docs',
    presets: [SwaggerUIBundle.presets.apis],
    layout: 'BaseLayout',
    deepLinking: true,
    filter: true,
    docExpansion: 'none',
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    oauth2RedirectUrl: new URL('/docs/oauth2-redirect', location.origin).href,
    // The badge would ask a server elsewhere.
    validatorUrl: null,
  })
  // Another operation in the address: Swagger UI looks at it only once.
  addEventListener('hashchange', () => {
    const [tag, id] = location.hash.slice(2).split('/')
    const shown = tag && document.getElementById(`operations-${tag}-${id}`)
    if (tag && !shown) location.reload()
  })
})()
