import { useInfiniteQuery, useQuery } from '@tanstack/vue-query'
import { computed } from 'vue'
import * as api from '@/api/calls'
import { keys } from '@/api/keys'
import { queryClient } from '@/api/query'
import type { NewRule, Notification, Rule } from '@/api/types'
import { ask } from '@/composables/confirm'
import { attempt, toastDone } from '@/composables/toasts'
import { becameOf, type RuleKind } from './rules'

export const refreshRules = () => queryClient.invalidateQueries({ queryKey: keys.rules })

export const useRules = () => {
  const query = useQuery({ queryKey: [...keys.rules, 'list'], queryFn: api.rules })
  return { query, rules: computed(() => query.data.value?.rules ?? []) }
}

/** What one rule told, newest first. */
export const useRuleHistory = (id: () => string, wanted: () => boolean) =>
  useInfiniteQuery({
    queryKey: computed(() => [...keys.rules, 'history', id()]),
    initialPageParam: '',
    queryFn: ({ pageParam }) => api.ruleHistory(id(), pageParam ? { page_token: pageParam } : {}),
    getNextPageParam: (page) => page.next_page_token ?? undefined,
    enabled: computed(wanted),
  })

/** A rule as it is written; its secret stays. */
export const written = (rule: Rule): NewRule => ({
  on: rule.on,
  queue: rule.queue ?? null,
  name: rule.name ?? null,
  experiment_id: rule.experiment_id ?? null,
  subject_id: rule.subject_id ?? null,
  threshold: rule.threshold ?? null,
  desktop: rule.desktop,
  webhook: rule.webhook ?? null,
  email: rule.email ?? null,
  once: rule.once,
  enabled: rule.enabled,
})

export const setRuleEnabled = (rule: Rule, enabled: boolean) =>
  attempt('Could not change the rule', async () => {
    await api.replaceRule(rule.id, { ...written(rule), enabled })
    await refreshRules()
  })

function tellOutcome(told: Notification): void {
  const rows = becameOf(told).map(({ channel, words }) => `${channel}: ${words}`)
  toastDone('The test was sent', rows.join(' · '))
}

export const testRule = (rule: Rule) =>
  attempt('Could not send a test', async () => {
    tellOutcome(await api.testRule(rule.id))
    await refreshRules()
  })

export async function deleteRule(rule: Rule): Promise<void> {
  const yes = await ask({
    title: 'Delete this rule?',
    body: 'It tells no more, and what it still owes is not delivered. What it told in the window stays. This cannot be undone.',
    items: [rule.words],
    action: 'Delete',
    danger: true,
  })
  if (!yes) return
  await attempt('Could not delete the rule', async () => {
    await api.deleteRule(rule.id)
    await refreshRules()
  })
}

const ENDS: Record<Exclude<RuleKind, 'metric'>, string[]> = {
  job: ['job.finished', 'job.failed', 'job.revoked'],
  run: ['run.finished', 'run.failed', 'run.killed'],
}

/** Tells once, in the window, that one job or run ended. */
export const tellWhenItEnds = (kind: 'job' | 'run', id: string) =>
  attempt('Could not arrange that', async () => {
    await api.createRule({ on: ENDS[kind], subject_id: id, once: true })
    toastDone('You are told when it ends', 'Settings, Tell me, has the rule.')
    await refreshRules()
  })
