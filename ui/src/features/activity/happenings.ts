/** What went on, drawn from what there is. Pure; tested. */
import type { RouteLocationRaw } from 'vue-router'
import type { Job, RegisteredModel, Run } from '@/api/types'
import { titleOf } from '@/features/jobs/columns'

export type Kind = 'run' | 'model' | 'job'

export interface Happening {
  id: string
  kind: Kind
  /** Milliseconds UTC. */
  at: number
  name: string
  /** What became of it. */
  word: string
  /** Where it belongs. */
  place?: string | undefined
  by?: string | undefined
  to: RouteLocationRaw
}

function ofRun(run: Run, names: ReadonlyMap<string, string>): Happening[] {
  const common = {
    kind: 'run' as const,
    name: run.name,
    place: names.get(run.experiment_id),
    by: run.user_id || undefined,
    to: { name: 'run', params: { experimentId: run.experiment_id, runId: run.run_id } },
  }
  const began = {
    ...common,
    id: `${run.run_id} began`,
    at: Date.parse(run.started_at),
    word: 'started',
  }
  if (!run.ended_at) return [began]
  const word = run.status.toLowerCase()
  return [{ ...common, id: `${run.run_id} ended`, at: Date.parse(run.ended_at), word }, began]
}

function ofModel(model: RegisteredModel): Happening {
  const made = model.updated_at === model.created_at
  return {
    id: `model ${model.name} ${model.rev}`,
    kind: 'model',
    at: Date.parse(model.updated_at),
    name: model.name,
    word: made ? 'registered' : 'changed',
    place: model.latest_version ? `version ${model.latest_version}` : undefined,
    to: { name: 'model', params: { name: model.name } },
  }
}

function ofJob(job: Job): Happening {
  const at = job.ended_at ?? job.started_at ?? job.queued_at
  return {
    id: `${job.task_id} ${job.status}`,
    kind: 'job',
    at: Date.parse(at),
    name: titleOf(job),
    word: job.status.toLowerCase(),
    place: job.queue,
    to: { name: 'jobs', query: { job: job.task_id } },
  }
}

/** The newest first. */
export function happenings(
  runs: readonly Run[],
  models: readonly RegisteredModel[],
  jobs: readonly Job[],
  names: ReadonlyMap<string, string>,
  most = 200,
): Happening[] {
  const all = [
    ...runs.flatMap((run) => ofRun(run, names)),
    ...models.map(ofModel),
    ...jobs.map(ofJob),
  ]
  return all.sort((a, b) => b.at - a.at || a.id.localeCompare(b.id)).slice(0, most)
}
