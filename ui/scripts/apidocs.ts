// The pages under /docs and /redoc: a few files of ours and the two viewers as they come, beside
// the UI and not in its bundle, so that a server without the UI has them, too.
import { readFile, readdir } from 'node:fs/promises'
import type { Plugin } from 'vite'

const OURS = new URL('../apidocs/', import.meta.url)
const MODULES = new URL('../node_modules/', import.meta.url)
const FOREIGN = {
  'swagger-ui.js': 'swagger-ui-dist/swagger-ui-bundle.js',
  'swagger-ui.css': 'swagger-ui-dist/swagger-ui.css',
  'oauth2-redirect.js': 'swagger-ui-dist/oauth2-redirect.js',
  'swagger-ui.LICENSE.txt': 'swagger-ui-dist/LICENSE',
  'swagger-ui.NOTICE.txt': 'swagger-ui-dist/NOTICE',
  'redoc-standalone.js': 'redoc/bundles/redoc.standalone.js',
  'redoc.LICENSE.txt': 'redoc/LICENSE',
  'inter.woff2': '@fontsource-variable/inter/files/inter-latin-wght-normal.woff2',
  'mono.woff2': '@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2',
}
/** A picture that ReDoc would fetch from elsewhere. It hides one that does not load. */
const FOREIGN_LOGO = 'https://cdn.redoc.ly/redoc/logo-mini.svg'

async function read(name: string, from: URL): Promise<string | Uint8Array> {
  const bytes = await readFile(from)
  if (!name.endsWith('.js') && !name.endsWith('.css')) return bytes
  // Maps are left out, and a browser's tools would ask for them.
  const text = bytes.toString().replace(/\n(\/\/|\/\*)# sourceMappingURL=\S+( \*\/)?\s*$/, '\n')
  if (name !== 'redoc-standalone.js') return text
  if (!text.includes(FOREIGN_LOGO)) throw new Error('ReDoc has its logo from another place')
  return text.replaceAll(FOREIGN_LOGO, 'data:,')
}

export function apidocs(): Plugin {
  return {
    name: 'apidocs',
    apply: 'build',
    async generateBundle() {
      const emit = async (name: string, from: URL) =>
        void this.emitFile({
          type: 'asset',
          fileName: `docs/${name}`,
          source: await read(name, from),
        })
      for (const name of await readdir(OURS)) await emit(name, new URL(name, OURS))
      for (const [name, path] of Object.entries(FOREIGN)) await emit(name, new URL(path, MODULES))
      await emit('favicon.svg', new URL('../public/favicon.svg', import.meta.url))
    },
  }
}
