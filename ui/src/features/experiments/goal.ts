/**
 * Which run of an experiment is the best: nobody says so to a tracking server, but who orders
 * the runs by a metric has said it. The last such order is kept, with the first run's value.
 */
import { setPreference, usePreference } from '@/composables/preferences'
import { metricOf } from '@/lib/filter'

const nameOf = (experimentId: string) => `experiment.${experimentId}.goal`
const isText = (value: unknown): value is string => typeof value === 'string'

/** Takes an order as the search language writes it; one by anything but a metric says nothing. */
export function noteGoal(experimentId: string, order: string): void {
  if (metricOf(order) !== undefined) setPreference(nameOf(experimentId), order)
}

/** The order that puts the best run first, or an empty text. */
export function goalOf(experimentId: string): string {
  return usePreference(nameOf(experimentId), '', isText).value
}
