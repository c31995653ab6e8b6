/* global Redoc */
;(() => {
  const root = document.documentElement
  const dark = root.dataset.theme === 'dark'
  const pick = (light, other) => (dark ? other : light)
  const text = pick('#14171c', '#eceef2')
  const quiet = pick('#4a515d', '#b0b7c3')
  const mono = "'JetBrains Mono Variable', ui-monospace, monospace"
  const theme = {
    spacing: { unit: 5, sectionVertical: 24, sectionHorizontal: 32 },
    colors: {
      primary: { main: pick('#4350dd', '#8793ff') },
      success: { main: pick('#14803c', '#4cc38a') },
      warning: { main: pick('#8a5a00', '#e0a83a') },
      error: { main: pick('#c62828', '#ff7b72') },
      gray: { 50: pick('#f7f8fa', '#13161b'), 100: pick('#eff1f4', '#191d24') },
      border: { dark: pick('#cfd4dc', '#343b48'), light: pick('#e3e6eb', '#242933') },
      text: { primary: text, secondary: quiet },
      responses: {
        success: { backgroundColor: pick('#e4f5ea', '#13291f') },
        error: { backgroundColor: pick('#fdecec', '#331a1c') },
      },
      http: {
        get: pick('#14803c', '#4cc38a'),
        post: pick('#0b67c2', '#5cb0ff'),
        put: pick('#93600a', '#e0a83a'),
        patch: pick('#93600a', '#e0a83a'),
        delete: pick('#c62828', '#ff7b72'),
      },
    },
    schema: {
      nestedBackground: pick('#f7f8fa', '#13161b'),
      linesColor: pick('#cfd4dc', '#343b48'),
      typeNameColor: quiet,
      typeTitleColor: text,
      requireLabelColor: pick('#c62828', '#ff7b72'),
      arrow: { color: quiet },
    },
    typography: {
      fontSize: '13.5px',
      lineHeight: '1.5',
      fontFamily: "'Inter Variable', system-ui, sans-serif",
      headings: {
        fontFamily: "'Inter Variable', system-ui, sans-serif",
        fontWeight: '600',
      },
      code: {
        fontSize: '12px',
        fontFamily: mono,
        color: pick('#b0303a', '#ff9d96'),
        backgroundColor: pick('#eff1f4', '#191d24'),
      },
    },
    sidebar: {
      width: '270px',
      backgroundColor: pick('#f7f8fa', '#13161b'),
      textColor: text,
    },
    rightPanel: { backgroundColor: pick('#1d2129', '#13161b'), width: '38%' },
    codeBlock: { backgroundColor: pick('#13161b', '#0b0d11') },
    fab: { backgroundColor: pick('#eff1f4', '#222731'), color: text },
  }
  const options = {
    theme,
    scrollYOffset: '.bar',
    expandResponses: '200,201',
    requiredPropsFirst: true,
    sortTagsAlphabetically: false,
    downloadFileName: 'openapi.json',
  }
  Redoc.init('/api/v1/openapi.json', options, document.querySelector('#docs'))
})()
