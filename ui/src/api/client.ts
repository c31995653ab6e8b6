import createClient, { type Middleware } from 'openapi-fetch'
import { ApiError, problemFrom } from './errors'
import type { paths } from './schema'

const signedOut = new Set<() => void>()

/** Told whenever the server no longer accepts our session. */
export function onSignedOut(listener: () => void): () => void {
  signedOut.add(listener)
  return () => signedOut.delete(listener)
}

const watchSession: Middleware = {
  onResponse({ response, request }) {
    if (response.status === 401 && !request.url.endsWith('/api/v1/session')) {
      for (const listener of signedOut) listener()
    }
  },
  onError({ request, error }) {
    if (error instanceof DOMException && error.name === 'AbortError') return undefined
    return new ApiError({
      message: 'The server does not answer.',
      code: 'UNREACHABLE',
      status: 0,
      request: `${request.method} ${new URL(request.url).pathname}`,
    })
  },
}

export const client = createClient<paths>({
  baseUrl: typeof location === 'undefined' ? 'http://localhost' : location.origin,
  credentials: 'same-origin',
  // Looked up at each call, so that a test can put its own in place.
  fetch: (request) => globalThis.fetch(request),
})
client.use(watchSession)

interface Answered<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The body of a call that went well; throws an ApiError otherwise. */
export async function unwrap<T>(call: Promise<Answered<T>>): Promise<T> {
  const { data, error, response } = await call
  if (!response.ok) {
    const path = response.url ? new URL(response.url).pathname : ''
    throw problemFrom(response.status, error, path)
  }
  return data as T
}

/** Where the bytes of an artifact are; used by links, images and frames. */
export function artifactUrl(owner: ArtifactOwner, path: string, download = false): string {
  const query = new URLSearchParams({ path })
  if (download) query.set('download', '1')
  const kind = owner.kind === 'run' ? 'runs' : 'logged-models'
  return `/api/v1/${kind}/${encodeURIComponent(owner.id)}/artifacts/content?${query}`
}

export interface ArtifactOwner {
  kind: 'run' | 'logged-model'
  id: string
}

/** Text of an artifact, at most `limit` bytes of it. */
export async function artifactText(
  owner: ArtifactOwner,
  path: string,
  limit: number,
  signal?: AbortSignal,
): Promise<{ text: string; truncated: boolean }> {
  const url = new URL(artifactUrl(owner, path), location.origin)
  const request = new Request(url, { headers: { Range: `bytes=0-${limit - 1}` }, signal })
  const response = await globalThis.fetch(request)
  // An empty file has no range to give.
  if (response.status === 416) return { text: '', truncated: false }
  if (!response.ok) throw problemFrom(response.status, await response.text(), url.pathname)
  const total = Number(response.headers.get('content-range')?.split('/')[1] ?? Number.NaN)
  const bytes = new Uint8Array(await response.arrayBuffer())
  const text = new TextDecoder('utf-8').decode(bytes.subarray(0, limit))
  return { text, truncated: bytes.length > limit || total > bytes.length }
}
