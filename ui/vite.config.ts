import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'
import { apidocs } from './scripts/apidocs.ts'

/** Where `npm run dev` finds a running server; the built UI is served by that server itself. */
const backend = process.env.BRANCHLINE_URL ?? 'http://127.0.0.1:5005'

export default defineConfig({
  plugins: [vue(), apidocs()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  // The server puts a fresh nonce in its place, for what a component has to style at run time.
  html: { cspNonce: '__CSP_NONCE__' },
  build: {
    target: 'es2022',
    // The content security policy allows fonts and scripts from 'self' only: nothing may become a data: URI.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    host: '127.0.0.1',
    port: 5173,
    strictPort: true,
    proxy: {
      '/docs': backend,
      '/redoc': backend,
      '/api': {
        target: backend,
        changeOrigin: true,
        ws: true,
        rewriteWsOrigin: true,
        // The server refuses writes of other origins; here the page and it are one.
        configure: (proxy) => {
          proxy.on('proxyReq', (request) => request.setHeader('origin', backend))
        },
      },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
    restoreMocks: true,
  },
})
