/** Lines for a POSIX shell; values are quoted only when they need it. */
export function environmentLines(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `export ${name}=${shellQuote(value)}`)
    .join('\n')
}

function shellQuote(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`
}

/** What to paste for a first run: the credential is put in when there is one. */
export function teachingSnippet(address: string, experiment = 'first', token?: string): string {
  const lines = token
    ? ['import os', `os.environ["MLFLOW_TRACKING_TOKEN"] = ${JSON.stringify(token)}`, '']
    : []
  return [
    ...lines,
    'import mlflow',
    `mlflow.set_tracking_uri(${JSON.stringify(address)})`,
    `mlflow.set_experiment(${JSON.stringify(experiment)})`,
    'with mlflow.start_run():',
    '    for step in range(100):',
    '        mlflow.log_metric("loss", 1 / (step + 1), step=step)',
  ].join('\n')
}
