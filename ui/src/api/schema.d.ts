// The HTTP API as openapi-typescript would describe it; `npm run generate` replaces this file.

type Json<T> = { content: { 'application/json': T } }
type Answer<T, S extends number = 200> = { [K in S]: Json<T> } & {
  default: Json<components['schemas']['ApiProblem']>
}
type Empty = { 204: { content?: never } } & { default: Json<components['schemas']['ApiProblem']> }
type Op<P extends object, B, R> = { parameters: P; requestBody: Json<B>; responses: R }
type Get<P extends object, R> = { parameters: P; requestBody?: never; responses: R }
type None = { query?: never; path?: never }
type Path<T extends object> = { path: T; query?: never }
type Query<T extends object> = { query?: T; path?: never }
type S = components['schemas']

export interface paths {
  '/api/v1/server': { get: Get<None, Answer<S['Server']>> }
  '/api/v1/session': {
    get: Get<None, Answer<S['Session']>>
    post: Op<None, S['SignIn'], Answer<S['Session']>>
    delete: Get<None, Empty>
  }
  '/api/v1/me': {
    get: Get<None, Answer<S['User']>>
    patch: Op<None, { email?: string; full_name?: string }, Answer<S['User']>>
  }
  '/api/v1/me/password': { post: Op<None, { current?: string; new: string }, Empty> }
  '/api/v1/preferences': {
    get: Get<None, Answer<Record<string, unknown>>>
    patch: Op<None, Record<string, unknown>, Answer<Record<string, unknown>>>
  }
  '/api/v1/connect': {
    post: Op<None, { write: boolean; force?: boolean }, Answer<S['Connect']>>
  }
  '/api/v1/tokens': {
    get: Get<None, Answer<{ tokens: S['Token'][] }>>
    post: Op<None, S['NewToken'], Answer<{ token: S['Token']; secret: string }, 201>>
  }
  '/api/v1/tokens/{id}': { delete: Get<Path<{ id: number }>, Empty> }
  '/api/v1/experiments': {
    get: Get<Query<S['ListQuery'] & { view?: S['View'] }>, Answer<S['ExperimentPage']>>
    post: Op<None, { name: string; tags?: Record<string, string> }, Answer<S['Experiment'], 201>>
  }
  '/api/v1/experiments/{id}': {
    get: Get<Path<{ id: string }>, Answer<S['Experiment']>>
    patch: Op<Path<{ id: string }>, S['EntityPatch'], Answer<S['Experiment']>>
    delete: Get<Path<{ id: string }>, Empty>
  }
  '/api/v1/experiments/{id}/restore': {
    post: Get<Path<{ id: string }>, Answer<S['Experiment']>>
  }
  '/api/v1/experiments/{id}/keys': { get: Get<Path<{ id: string }>, Answer<S['ExperimentKeys']>> }
  '/api/v1/runs/search': { post: Op<None, S['RunSearch'], Answer<S['RunPage']>> }
  '/api/v1/runs/{id}': {
    get: Get<Path<{ id: string }>, Answer<S['Run']>>
    patch: Op<Path<{ id: string }>, S['EntityPatch'] & { status?: string }, Answer<S['Run']>>
    delete: Get<Path<{ id: string }>, Empty>
  }
  '/api/v1/runs/{id}/restore': { post: Get<Path<{ id: string }>, Answer<S['Run']>> }
  '/api/v1/runs/bulk': {
    post: Op<None, { run_ids: string[]; action: 'delete' | 'restore' }, Answer<{ done: number }>>
  }
  '/api/v1/runs/{id}/metrics': {
    get: Get<Path<{ id: string }>, Answer<{ metrics: S['MetricSummary'][] }>>
  }
  '/api/v1/metrics/series': {
    post: Op<None, S['SeriesQuery'], Answer<{ cursor: string; series: S['Series'][] }>>
  }
  '/api/v1/runs/{id}/models': {
    get: Get<Path<{ id: string }>, Answer<{ models: S['LoggedModel'][] }>>
  }
  '/api/v1/runs/{id}/artifacts': {
    get: Get<{ path: { id: string }; query?: { path?: string } }, Answer<S['ArtifactList']>>
  }
  '/api/v1/models': {
    get: Get<Query<S['ListQuery']>, Answer<{ models: S['RegisteredModel'][]; next_page_token?: string | null }>>
    post: Op<None, { name: string; description?: string; tags?: Record<string, string> }, Answer<S['RegisteredModel'], 201>>
  }
  '/api/v1/models/{name}': {
    get: Get<Path<{ name: string }>, Answer<S['RegisteredModelDetail']>>
    patch: Op<Path<{ name: string }>, S['RegistryPatch'] & { name?: string }, Answer<S['RegisteredModel']>>
    delete: Get<Path<{ name: string }>, Empty>
  }
  '/api/v1/models/{name}/versions': {
    post: Op<Path<{ name: string }>, S['NewModelVersion'], Answer<S['ModelVersion'], 201>>
  }
  '/api/v1/models/{name}/versions/{version}': {
    patch: Op<Path<{ name: string; version: number }>, S['RegistryPatch'] & { stage?: string }, Answer<S['ModelVersion']>>
    delete: Get<Path<{ name: string; version: number }>, Empty>
  }
  '/api/v1/models/{name}/aliases/{alias}': {
    put: Op<Path<{ name: string; alias: string }>, { version: number }, Empty>
    delete: Get<Path<{ name: string; alias: string }>, Empty>
  }
  '/api/v1/search': { get: Get<Query<{ q: string }>, Answer<{ results: S['SearchResult'][] }>> }
  '/api/v1/db/backup': { post: Op<None, { path: string }, Answer<S['BackupDone']>> }
  '/api/v1/db/check': { get: Get<None, Answer<S['CheckDone']>> }
  '/api/v1/db/status': { get: Get<None, Answer<S['DatabaseStatus']>> }
  '/api/v1/filter/check': {
    post: Op<None, { entity: 'runs'; filter: string }, Answer<S['FilterCheck']>>
  }
}

export interface components {
  schemas: {
    ApiProblem: { detail: string; code: string; hint?: string | null; position?: number | null }
    BackupDone: { path: string; size_bytes: number }
    CheckDone: { ok: boolean; problems: string[] }
    DatabaseStatus: {
      migrations: { version: number; name: string; applied: boolean }[]
      db_bytes: number
      wal_bytes: number
      store_uuid: string
      cursor: string
    }
    View: 'active' | 'deleted' | 'all'
    Server: {
      version: string
      mlflow_version: string
      url: string
      store_uuid: string
      cursor: string
      no_auth: boolean
      data_dir: string
      db_bytes: number
      artifact_bytes?: number | null
      memory_bytes?: number | null
      runs: number
      experiments: number
      registered_models: number
      durability: string
      started_at: string
      desktop: boolean
    }
    User: {
      id: number
      email: string
      full_name: string
      is_superuser: boolean
      has_password: boolean
    }
    Session: { user: S['User'] }
    SignIn: { secret?: string; email?: string; password?: string }
    Connect: {
      tracking_uri: string
      username?: string | null
      token?: string | null
      environment: Record<string, string>
      snippet: string
      credentials_path?: string | null
      written: boolean
    }
    Token: {
      id: number
      name: string
      scope: string
      created_at: string
      expires_at?: string | null
      last_used_at?: string | null
    }
    NewToken: { name: string; scope: string; expires_at?: string }
    ListQuery: {
      filter?: string
      order_by?: string[]
      max_results?: number
      page_token?: string
    }
    EntityPatch: { name?: string; note?: string; tags?: Record<string, string | null> }
    RegistryPatch: { description?: string; tags?: Record<string, string | null> }
    Experiment: {
      experiment_id: string
      name: string
      artifact_location: string
      lifecycle: 'active' | 'deleted'
      created_at: string
      updated_at: string
      rev: number
      tags: Record<string, string>
      note?: string | null
      run_count: number
      running_count: number
      last_activity_at?: string | null
    }
    ExperimentPage: { experiments: S['Experiment'][]; next_page_token?: string | null }
    ExperimentKeys: { metrics: string[]; params: string[]; tags: string[] }
    MetricValue: number | 'NaN' | 'Infinity' | '-Infinity'
    LatestMetric: { value: S['MetricValue']; step: number; timestamp: number }
    DatasetInput: {
      name: string
      digest: string
      context?: string | null
      source_type: string
      source?: string | null
      schema?: string | null
      profile?: string | null
    }
    Run: {
      run_id: string
      name: string
      experiment_id: string
      user_id: string
      status: string
      started_at?: string | null
      ended_at?: string | null
      duration_ms?: number | null
      lifecycle: 'active' | 'deleted'
      artifact_uri: string
      rev: number
      note?: string | null
      tags: Record<string, string>
      params: Record<string, string>
      metrics: Record<string, S['LatestMetric']>
      dataset_inputs: S['DatasetInput'][]
      model_inputs: string[]
      model_outputs: { model_id: string; step: number }[]
    }
    RunSearch: {
      experiment_ids: string[]
      filter?: string
      order_by?: string[]
      max_results?: number
      page_token?: string
      view?: S['View']
    }
    RunPage: {
      runs: S['Run'][]
      next_page_token?: string | null
      matched: number
      elapsed_ms: number
    }
    MetricSummary: {
      key: string
      last: S['MetricValue']
      min?: S['MetricValue'] | null
      max?: S['MetricValue'] | null
      mean?: S['MetricValue'] | null
      count: number
      step: number
      timestamp: number
    }
    SeriesQuery: {
      run_ids: string[]
      keys: string[]
      max_points?: number
      from_step?: number
      to_step?: number
    }
    Series: {
      run_id: string
      key: string
      steps: number[]
      timestamps: number[]
      values: S['MetricValue'][]
      total: number
      sampled: boolean
    }
    LoggedModel: {
      model_id: string
      name: string
      experiment_id: string
      source_run_id?: string | null
      status: string
      model_type?: string | null
      created_at: string
      updated_at: string
      artifact_uri: string
      params: Record<string, string>
      tags: Record<string, string>
      metrics: { key: string; value: S['MetricValue']; step: number; timestamp: number }[]
      registrations: { name: string; version: number }[]
    }
    ArtifactFile: { path: string; name: string; is_dir: boolean; size?: number | null }
    ArtifactList: { root_uri: string; local_path?: string | null; files: S['ArtifactFile'][] }
    Alias: { alias: string; version: number }
    RegisteredModel: {
      name: string
      description?: string | null
      created_at: string
      updated_at: string
      rev: number
      tags: Record<string, string>
      aliases: S['Alias'][]
      latest_version?: number | null
      version_count: number
    }
    ModelVersion: {
      name: string
      version: number
      created_at: string
      updated_at: string
      stage: string
      description?: string | null
      source: string
      run_id?: string | null
      model_id?: string | null
      status: string
      aliases: string[]
      tags: Record<string, string>
      experiment_id?: string | null
      run_name?: string | null
    }
    RegisteredModelDetail: S['RegisteredModel'] & { versions: S['ModelVersion'][] }
    NewModelVersion: { run_id?: string; model_id?: string; source?: string; description?: string }
    SearchResult: {
      kind: 'experiment' | 'run' | 'model'
      id: string
      title: string
      subtitle?: string | null
      experiment_id?: string | null
    }
    FilterCheck: { ok: boolean; detail?: string | null; position?: number | null }
  }
}
