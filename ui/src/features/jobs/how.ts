/** How a job is queued, as a form has it; a form without priority or countdown asks for none. */
export interface How {
  queue: string
  retries: number
  /** Seconds; empty when there is none. */
  limit: number | string
  priority?: number
  /** Seconds. */
  countdown?: number
}

/** The same as a request says it. */
export const asked = (how: How) => ({
  priority: how.priority ?? 0,
  max_retries: how.retries,
  ...(how.queue.trim() ? { queue: how.queue.trim() } : {}),
  ...(how.countdown ? { countdown: how.countdown } : {}),
  ...(how.limit ? { time_limit: Number(how.limit) } : {}),
})
