import type { RouteLocationRaw } from 'vue-router'
import type { Notification, Rule } from '@/api/types'

export type RuleKind = 'job' | 'run' | 'metric'

export const KINDS: { value: RuleKind; label: string }[] = [
  { value: 'job', label: 'A job' },
  { value: 'run', label: 'A run' },
  { value: 'metric', label: 'A metric' },
]

/** What can happen to each kind, as the end of a sentence. */
export const OCCASIONS: Record<RuleKind, { value: string; label: string }[]> = {
  job: [
    { value: 'job.finished', label: 'finishes' },
    { value: 'job.failed', label: 'fails' },
    { value: 'job.revoked', label: 'is revoked' },
    { value: 'job.lost', label: 'is lost' },
  ],
  run: [
    { value: 'run.finished', label: 'finishes' },
    { value: 'run.failed', label: 'fails' },
    { value: 'run.killed', label: 'is killed' },
  ],
  metric: [
    { value: 'metric.not_finite', label: 'becomes NaN or infinite' },
    { value: 'metric.above', label: 'rises above' },
    { value: 'metric.below', label: 'falls below' },
  ],
}

/** Whether an occasion compares with a threshold. */
export const compares = (occasion: string) =>
  occasion === 'metric.above' || occasion === 'metric.below'

/** The page of what a notification is about. */
export function placeOf(told: Notification): RouteLocationRaw | undefined {
  if (!told.subject_id) return undefined
  if (told.on?.startsWith('job.')) return { name: 'jobs', query: { job: told.subject_id } }
  const experimentId = told.experiment_id ?? '-'
  return { name: 'run', params: { experimentId, runId: told.subject_id } }
}

/** Whom a rule tells, in a few words. */
export function whomOf(rule: Rule): string {
  const whom = [rule.desktop && 'window', rule.email, rule.webhook && 'webhook']
  return whom.filter(Boolean).join(', ')
}

const BECAME: Record<string, string> = {
  owed: 'waiting',
  told: 'told',
  kept: 'in the outbox: no mail server is set up',
}

/** What became of telling by a channel, in words. */
export const becameWords = (became: string) => BECAME[became] ?? became

/** What became of a notification by each channel that it went by. */
export function becameOf(told: Notification): { channel: string; words: string; bad: boolean }[] {
  const rows = told.desktop ? [{ channel: 'Window', words: 'told', bad: false }] : []
  for (const [channel, became] of [
    ['Mail', told.email],
    ['Webhook', told.webhook],
  ] as const) {
    if (became) rows.push({ channel, words: becameWords(became), bad: !(became in BECAME) })
  }
  return rows
}
