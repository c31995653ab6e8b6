/** Names of cached answers, so that a live message can say which are stale. */
export const keys = {
  server: ['server'] as const,
  tokens: ['tokens'] as const,
  experiments: (view: string) => ['experiments', view] as const,
  allExperiments: ['experiments'] as const,
  experiment: (id: string) => ['experiment', id] as const,
  experimentKeys: (id: string) => ['experiment', id, 'keys'] as const,
  run: (id: string) => ['run', id] as const,
  runMetrics: (id: string) => ['run', id, 'metrics'] as const,
  runModels: (id: string) => ['run', id, 'models'] as const,
  artifacts: (kind: string, id: string, path: string) => ['artifacts', kind, id, path] as const,
  artifactText: (kind: string, id: string, path: string) => ['artifact-text', kind, id, path],
  homeRuns: (which: string) => ['home-runs', which] as const,
  models: ['models'] as const,
  model: (name: string) => ['model', name] as const,
  trash: ['trash'] as const,
  connect: ['connect'] as const,
}
