/** One function per operation of the API, in domain words. */
import { client, unwrap } from './client'
import type {
  AddProject,
  ExperimentPatch,
  ItemDraft,
  ItemPatch,
  ModelPatch,
  NewPerson,
  NewJob,
  NewRule,
  NewSchedule,
  NewToken,
  PatchProject,
  PersonPatch,
  RegistryPatch,
  RunOfProject,
  RunPatch,
  RunSearch,
  SchedulePatch,
  SeriesQuery,
  SubmitSweep,
  TraceSearch,
  TrashKind,
  TrashRef,
  View,
} from './types'

const by = (id: string) => ({ params: { path: { id } } })

export const server = () => unwrap(client.GET('/api/v1/server'))
export const session = () => unwrap(client.GET('/api/v1/session'))
export const signInWithSecret = (secret: string) =>
  unwrap(client.POST('/api/v1/session', { body: { secret } }))
export const signInWithPassword = (email: string, password: string) =>
  unwrap(client.POST('/api/v1/session', { body: { email, password } }))
export const recoverPassword = (email: string) =>
  unwrap(client.POST('/api/v1/password-recovery/{email}', { params: { path: { email } } }))
export const resetPassword = (token: string, new_password: string) =>
  unwrap(client.POST('/api/v1/reset-password/', { body: { token, new_password } }))
export const signOut = () => unwrap(client.DELETE('/api/v1/session'))
export const me = () => unwrap(client.GET('/api/v1/me'))
export const updateProfile = (body: { email?: string; full_name?: string }) =>
  unwrap(client.PATCH('/api/v1/me', { body }))
export const setPassword = (body: { current?: string; new: string }) =>
  unwrap(client.POST('/api/v1/me/password', { body }))
export const preferences = () => unwrap(client.GET('/api/v1/preferences'))
export const patchPreferences = (body: Record<string, unknown>, leaving = false) =>
  unwrap(client.PATCH('/api/v1/preferences', { body, keepalive: leaving }))
export const connect = (body: { write: boolean; force?: boolean }) =>
  unwrap(client.POST('/api/v1/connect', { body }))
export const tokens = () => unwrap(client.GET('/api/v1/tokens'))
export const createToken = (body: NewToken) => unwrap(client.POST('/api/v1/tokens', { body }))
export const revokeToken = (id: number) =>
  unwrap(client.DELETE('/api/v1/tokens/{id}', { params: { path: { id } } }))
export const people = (skip = 0, limit = 1000) =>
  unwrap(client.GET('/api/v1/users/', { params: { query: { skip, limit } } }))
export const createPerson = (body: NewPerson) => unwrap(client.POST('/api/v1/users/', { body }))
export const updatePerson = (id: number, body: PersonPatch) =>
  unwrap(client.PUT('/api/v1/users/{id}', { params: { path: { id } }, body }))
export const deletePerson = (id: number) =>
  unwrap(client.DELETE('/api/v1/users/{id}', { params: { path: { id } } }))
export const peopleHere = () => unwrap(client.GET('/api/v1/activity'))
export const sessions = () => unwrap(client.GET('/api/v1/sessions'))
export const revokeSession = (id: number) =>
  unwrap(client.DELETE('/api/v1/sessions/{id}', { params: { path: { id } } }))
export const rotateKey = () => unwrap(client.POST('/api/v1/signing-key/rotate'))
export const network = () => unwrap(client.GET('/api/v1/settings/network'))
export const setNetwork = (body: Record<string, string | null>) =>
  unwrap(client.PATCH('/api/v1/settings/network', { body }))
export const outbox = () => unwrap(client.GET('/api/v1/outbox'))
export const items = (query: { text?: string; link_kind?: string; link_id?: string }) =>
  unwrap(client.GET('/api/v1/items/', { params: { query: { ...query, limit: 1000 } } }))
export const createItem = (body: ItemDraft) => unwrap(client.POST('/api/v1/items/', { body }))
export const updateItem = (id: number, body: ItemPatch) =>
  unwrap(client.PUT('/api/v1/items/{id}', { params: { path: { id } }, body }))
export const deleteItem = (id: number) =>
  unwrap(client.DELETE('/api/v1/items/{id}', { params: { path: { id } } }))
export const permissions = (resource_type: string, resource_id: string) =>
  unwrap(client.GET('/api/v1/permissions', { params: { query: { resource_type, resource_id } } }))
export const grant = (body: {
  email: string
  resource_type: string
  resource_id: string
  permission: string
}) => unwrap(client.PUT('/api/v1/permissions', { body }))
export const revokeGrant = (query: { email: string; resource_type: string; resource_id: string }) =>
  unwrap(client.DELETE('/api/v1/permissions', { params: { query } }))
export const jobStats = () => unwrap(client.GET('/api/v1/jobs/stats'))
export const jobHistory = (minutes: number) =>
  unwrap(client.GET('/api/v1/jobs/history', { params: { query: { minutes } } }))
export const jobUsage = (id: string) => unwrap(client.GET('/api/v1/jobs/{id}/usage', by(id)))
export const jobRates = () => unwrap(client.GET('/api/v1/job-rates'))
export const setJobRate = (task: string, rate: string | null) =>
  unwrap(client.PUT('/api/v1/job-rates/{task}', { params: { path: { task } }, body: { rate } }))
export const jobLimits = () => unwrap(client.GET('/api/v1/job-limits'))
export const setJobLimit = (
  task: string,
  body: { soft_time_limit?: number | null; time_limit?: number | null },
) => unwrap(client.PUT('/api/v1/job-limits/{task}', { params: { path: { task } }, body }))
export const purgeQueue = (name: string) =>
  unwrap(client.POST('/api/v1/queues/{name}/purge', { params: { path: { name } } }))
export const jobs = (query: {
  state?: string[]
  filter?: string
  order_by?: string
  project?: number
  max_results?: number
  page_token?: string
}) => unwrap(client.GET('/api/v1/jobs', { params: { query } }))
export const job = (id: string) => unwrap(client.GET('/api/v1/jobs/{id}', by(id)))
export const submitJob = (body: Partial<NewJob>) =>
  unwrap(client.POST('/api/v1/jobs', { body: body as NewJob }))
export const cancelJob = (id: string) => unwrap(client.POST('/api/v1/jobs/{id}/cancel', by(id)))
export const retryJob = (id: string) => unwrap(client.POST('/api/v1/jobs/{id}/retry', by(id)))
export const forgetJob = (id: string) => unwrap(client.DELETE('/api/v1/jobs/{id}', by(id)))
export const jobLog = (id: string, after: number, wait: number) =>
  unwrap(client.GET('/api/v1/jobs/{id}/log', { params: { path: { id }, query: { after, wait } } }))
export const jobTasks = () => unwrap(client.GET('/api/v1/jobs/tasks'))
export const schedules = () => unwrap(client.GET('/api/v1/schedules'))
export const previewSchedule = (query: { cron?: string; zone?: string; every?: number }) =>
  unwrap(client.GET('/api/v1/schedules/preview', { params: { query } }))
export const createSchedule = (body: Partial<NewSchedule>) =>
  unwrap(client.POST('/api/v1/schedules', { body: body as NewSchedule }))
export const updateSchedule = (id: string, body: SchedulePatch) =>
  unwrap(client.PATCH('/api/v1/schedules/{id}', { ...by(id), body }))
export const deleteSchedule = (id: string) =>
  unwrap(client.DELETE('/api/v1/schedules/{id}', by(id)))
export const runSchedule = (id: string) => unwrap(client.POST('/api/v1/schedules/{id}/run', by(id)))
export const scheduleHistory = (id: string, query: { page_token?: string }) =>
  unwrap(client.GET('/api/v1/schedules/{id}/history', { params: { path: { id }, query } }))
export const rules = () => unwrap(client.GET('/api/v1/rules'))
export const createRule = (body: Partial<NewRule>) =>
  unwrap(client.POST('/api/v1/rules', { body: body as NewRule }))
export const replaceRule = (id: string, body: NewRule) =>
  unwrap(client.PUT('/api/v1/rules/{id}', { ...by(id), body }))
export const deleteRule = (id: string) => unwrap(client.DELETE('/api/v1/rules/{id}', by(id)))
export const testRule = (id: string) => unwrap(client.POST('/api/v1/rules/{id}/test', by(id)))
export const ruleHistory = (id: string, query: { page_token?: string }) =>
  unwrap(client.GET('/api/v1/rules/{id}/history', { params: { path: { id }, query } }))
export const notifications = (query: { unread?: boolean; page_token?: string }) =>
  unwrap(client.GET('/api/v1/notifications', { params: { query } }))
export const readNotifications = (body: { ids?: number[] }) =>
  unwrap(client.POST('/api/v1/notifications/read', { body }))
export const queues = () => unwrap(client.GET('/api/v1/queues'))
export interface QueueChange {
  paused?: boolean
  concurrency?: number
  autoscale?: { min: number; max: number }
}
export const setQueue = (name: string, body: QueueChange) =>
  unwrap(client.PATCH('/api/v1/queues/{name}', { params: { path: { name } }, body }))
export const search = (q: string, signal?: AbortSignal) =>
  unwrap(client.GET('/api/v1/search', { params: { query: { q } }, signal }))

export const experiments = (query: {
  view?: View
  order_by?: string[]
  filter?: string
  max_results?: number
  page_token?: string
}) => unwrap(client.GET('/api/v1/experiments', { params: { query } }))
export const experiment = (id: string) => unwrap(client.GET('/api/v1/experiments/{id}', by(id)))
export const createExperiment = (name: string) =>
  unwrap(client.POST('/api/v1/experiments', { body: { name } }))
export const patchExperiment = (id: string, body: ExperimentPatch) =>
  unwrap(client.PATCH('/api/v1/experiments/{id}', { ...by(id), body }))
export const deleteExperiment = (id: string) =>
  unwrap(client.DELETE('/api/v1/experiments/{id}', by(id)))
export const restoreExperiment = (id: string) =>
  unwrap(client.POST('/api/v1/experiments/{id}/restore', by(id)))
export const experimentKeys = (id: string) =>
  unwrap(client.GET('/api/v1/experiments/{id}/keys', by(id)))

export const recentKeys = () => unwrap(client.GET('/api/v1/runs/keys'))
export const searchRuns = (body: RunSearch, signal?: AbortSignal) =>
  unwrap(client.POST('/api/v1/runs/search', { body, signal }))
export const run = (id: string) => unwrap(client.GET('/api/v1/runs/{id}', by(id)))
export const patchRun = (id: string, body: RunPatch) =>
  unwrap(client.PATCH('/api/v1/runs/{id}', { ...by(id), body }))
export const bulkRuns = (run_ids: string[], action: 'delete' | 'restore') =>
  unwrap(client.POST('/api/v1/runs/bulk', { body: { run_ids, action } }))
export const searchTraces = (body: TraceSearch, signal?: AbortSignal) =>
  unwrap(client.POST('/api/v1/traces/search', { body, signal }))
export const trace = (id: string) => unwrap(client.GET('/api/v1/traces/{id}', by(id)))
export const deleteTraces = (experiment_id: string, trace_ids: string[]) =>
  unwrap(client.POST('/api/v1/traces/delete', { body: { experiment_id, trace_ids } }))
export const runMetrics = (id: string) => unwrap(client.GET('/api/v1/runs/{id}/metrics', by(id)))
export const runModels = (id: string) => unwrap(client.GET('/api/v1/runs/{id}/models', by(id)))
export const runArtifacts = (id: string, path?: string) =>
  unwrap(
    client.GET('/api/v1/runs/{id}/artifacts', {
      params: { path: { id }, query: path ? { path } : {} },
    }),
  )
export const metricSeries = (body: SeriesQuery, signal?: AbortSignal) =>
  unwrap(client.POST('/api/v1/metrics/series', { body, signal }))
export const checkFilter = (filter: string, signal?: AbortSignal) =>
  unwrap(client.POST('/api/v1/filter/check', { body: { entity: 'runs', filter }, signal }))

export const models = (query: {
  max_results?: number
  page_token?: string
  filter?: string
  order_by?: string[]
}) => unwrap(client.GET('/api/v1/models', { params: { query } }))
export const model = (name: string) =>
  unwrap(client.GET('/api/v1/models/{name}', { params: { path: { name } } }))
export const createModel = (name: string, description?: string) =>
  unwrap(client.POST('/api/v1/models', { body: { name, description } }))
export const patchModel = (name: string, body: ModelPatch) =>
  unwrap(client.PATCH('/api/v1/models/{name}', { params: { path: { name } }, body }))
export const deleteModel = (name: string) =>
  unwrap(client.DELETE('/api/v1/models/{name}', { params: { path: { name } } }))
export const createVersion = (
  name: string,
  body: { run_id?: string; model_id?: string; source?: string; description?: string },
) => unwrap(client.POST('/api/v1/models/{name}/versions', { params: { path: { name } }, body }))
const versionPath = (name: string, version: number) => ({ params: { path: { name, version } } })
export const patchVersion = (name: string, version: number, body: RegistryPatch) =>
  unwrap(
    client.PATCH('/api/v1/models/{name}/versions/{version}', {
      ...versionPath(name, version),
      body,
    }),
  )
export const deleteVersion = (name: string, version: number) =>
  unwrap(client.DELETE('/api/v1/models/{name}/versions/{version}', versionPath(name, version)))
export const setAlias = (name: string, alias: string, version: number) =>
  unwrap(
    client.PUT('/api/v1/models/{name}/aliases/{alias}', {
      params: { path: { name, alias } },
      body: { version },
    }),
  )
export const deleteAlias = (name: string, alias: string) =>
  unwrap(
    client.DELETE('/api/v1/models/{name}/aliases/{alias}', { params: { path: { name, alias } } }),
  )

export const trash = (query: { kind: TrashKind; page_token?: string }) =>
  unwrap(client.GET('/api/v1/trash', { params: { query } }))
export const restoreTrash = (items: TrashRef[]) =>
  unwrap(client.POST('/api/v1/trash/restore', { body: { items } }))
export const emptyTrash = (body: { items?: TrashRef[]; all?: boolean; dry_run: boolean }) =>
  unwrap(client.POST('/api/v1/trash/delete', { body }))

export const backupDatabase = (path: string) =>
  unwrap(client.POST('/api/v1/db/backup', { body: { path } }))
export const checkDatabase = () => unwrap(client.GET('/api/v1/db/check'))
export const databaseStatus = () => unwrap(client.GET('/api/v1/db/status'))

const ofProject = (id: number) => by(String(id))
export const projects = () => unwrap(client.GET('/api/v1/projects'))
export const project = (id: number) => unwrap(client.GET('/api/v1/projects/{id}', ofProject(id)))
export const addProject = (body: AddProject) => unwrap(client.POST('/api/v1/projects', { body }))
export const patchProject = (id: number, body: PatchProject) =>
  unwrap(client.PATCH('/api/v1/projects/{id}', { ...ofProject(id), body }))
export const removeProject = (id: number) =>
  unwrap(client.DELETE('/api/v1/projects/{id}', ofProject(id)))
export const scanProject = (id: number) =>
  unwrap(client.POST('/api/v1/projects/{id}/scan', ofProject(id)))
export const runTask = (id: number, name: string, body: RunOfProject) =>
  unwrap(
    client.POST('/api/v1/projects/{id}/tasks/{name}', {
      params: { path: { id: String(id), name } },
      body,
    }),
  )
export const runEntryPoint = (id: number, name: string, body: RunOfProject) =>
  unwrap(
    client.POST('/api/v1/projects/{id}/entry-points/{name}', {
      params: { path: { id: String(id), name } },
      body,
    }),
  )
export const sweeps = (project: string) =>
  unwrap(client.GET('/api/v1/sweeps', { params: { query: { project } } }))
export const sweep = (id: string) => unwrap(client.GET('/api/v1/sweeps/{id}', by(id)))
export const submitSweep = (id: number, body: SubmitSweep) =>
  unwrap(client.POST('/api/v1/projects/{id}/sweeps', { ...ofProject(id), body }))
export const stopSweep = (id: string) =>
  unwrap(
    client.POST('/api/v1/sweeps/{id}/stop', {
      params: { path: { id }, query: { running: true } },
    }),
  )
const ofNotebook = (id: number, path: string) => ({
  params: { path: { id: String(id) }, query: { path } },
})
export const notebook = (id: number, path: string) =>
  unwrap(client.GET('/api/v1/projects/{id}/notebook', ofNotebook(id, path)))
export const runNotebook = (id: number, path: string, body: RunOfProject) =>
  unwrap(client.POST('/api/v1/projects/{id}/notebook/run', { ...ofNotebook(id, path), body }))
export const startNotebooks = (id: number, wait: number) =>
  unwrap(
    client.POST('/api/v1/projects/{id}/notebook-server', {
      params: { path: { id: String(id) }, query: { wait } },
    }),
  )
export const notebookServers = () => unwrap(client.GET('/api/v1/notebook-servers'))
export const stopNotebooks = (id: string) =>
  unwrap(client.DELETE('/api/v1/notebook-servers/{id}', by(id)))
