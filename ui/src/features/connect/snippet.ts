/** The Python that a person pastes. Pure; every function is tested. */

/** Lines of Python that log to the server at `uri`. */
export function pythonAt(uri: string, ...lines: string[]): string {
  return ['import mlflow', `mlflow.set_tracking_uri(${pyString(uri)})`, ...lines].join('\n')
}

/** Three lines that make a run on the server at `uri`. */
export function quickStart(uri: string): string {
  return pythonAt(uri, 'mlflow.log_metric("loss", 0.5)')
}

/** A run of `experiment` that draws a curve while it goes. */
export function runSnippet(uri: string, experiment: string): string {
  return pythonAt(
    uri,
    `mlflow.set_experiment(${pyString(experiment)})`,
    'with mlflow.start_run():',
    '    for step in range(100):',
    '        mlflow.log_metric("loss", 1 / (step + 1), step=step)',
  )
}

/** Lines for a POSIX shell; values are quoted only when they need it. */
export function environmentLines(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `export ${name}=${shellQuote(value)}`)
    .join('\n')
}

function shellQuote(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`
}

/** Code with the credential before it: mlflow reads it from the environment. */
export function withToken(code: string, token: string): string {
  return ['import os', `os.environ["MLFLOW_TRACKING_TOKEN"] = ${pyString(token)}`, code].join('\n')
}

/** A Python string literal. */
export function pyString(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

export const MASK = '•'.repeat(20)

/** Text as it may be shown over a shoulder. */
export function masked(text: string, secret: string | null | undefined): string {
  return secret ? text.replaceAll(secret, MASK) : text
}

/**
 * The address to give to clients: what the server calls itself, unless the person came to
 * it by another name.
 */
export function trackingUri(
  serverUrl: string | undefined,
  here: { hostname: string; origin: string },
): string {
  return serverUrl && isLoopback(here.hostname) ? serverUrl : here.origin
}

function isLoopback(hostname: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]|.*\.localhost)$/.test(hostname)
}
