/** What a person is told when a call fails, and what *Copy details* copies. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly hint: string | undefined
  readonly position: number | undefined
  /** What is wrong with which field of a form. */
  readonly fields: Record<string, string>
  readonly request: string

  constructor(init: {
    message: string
    status: number
    code: string
    hint?: string | null | undefined
    position?: number | null | undefined
    fields?: Record<string, string> | undefined
    request: string
  }) {
    super(init.message)
    this.name = 'ApiError'
    this.status = init.status
    this.code = init.code
    this.hint = init.hint ?? undefined
    this.position = init.position ?? undefined
    this.fields = init.fields ?? {}
    this.request = init.request
  }

  /** The server could not be reached at all. */
  get unreachable(): boolean {
    return this.status === 0
  }
}

const isTexts = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((text) => typeof text === 'string')

/** Reads whatever an error answer holds: our own shape, or plain text from the guard. */
export function problemFrom(status: number, body: unknown, request: string): ApiError {
  if (typeof body === 'object' && body !== null && 'detail' in body) {
    const problem = body as Record<string, unknown>
    return new ApiError({
      message: typeof problem.detail === 'string' ? problem.detail : JSON.stringify(problem.detail),
      code: typeof problem.code === 'string' ? problem.code : `HTTP_${status}`,
      hint: typeof problem.hint === 'string' ? problem.hint : undefined,
      position: typeof problem.position === 'number' ? problem.position : undefined,
      fields: isTexts(problem.fields) ? problem.fields : undefined,
      status,
      request,
    })
  }
  const text = typeof body === 'string' ? body.trim() : ''
  return new ApiError({
    message: text || `The server answered with status ${status}.`,
    code: `HTTP_${status}`,
    status,
    request,
  })
}

/** One line for toasts and inline errors. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message
  return String(error)
}

export function hintOf(error: unknown): string | undefined {
  if (!(error instanceof ApiError)) return undefined
  if (error.hint) return error.hint
  if (error.unreachable) return 'It may be restarting; this page tries again by itself.'
  return undefined
}

/** Everything someone helping needs, and no secret. */
export function detailsOf(error: unknown, version?: string): string {
  const lines = [messageOf(error)]
  if (error instanceof ApiError) {
    if (error.hint) lines.push(`hint: ${error.hint}`)
    lines.push(`code: ${error.code}`, `status: ${error.status}`, `request: ${error.request}`)
  } else if (error instanceof Error && error.stack) {
    lines.push(error.stack)
  }
  if (version) lines.push(`version: ${version}`)
  lines.push(`time: ${new Date().toISOString()}`)
  return lines.join('\n')
}

/** Worth asking again: the server is away, starting or busy. */
export function isTransient(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 503)
}
