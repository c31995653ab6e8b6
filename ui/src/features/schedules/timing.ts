/** What a person types about times, and what a time is called. Pure; tested. */
import type { Fire } from '@/api/types'

export const UNITS = [
  { seconds: 86_400, label: 'days' },
  { seconds: 3600, label: 'hours' },
  { seconds: 60, label: 'minutes' },
  { seconds: 1, label: 'seconds' },
] as const

/** Seconds in the largest unit that has a whole number of them. */
export function inUnits(seconds: number): { many: number; unit: number } {
  const unit = UNITS.find((one) => seconds % one.seconds === 0)?.seconds ?? 1
  return { many: seconds / unit, unit }
}

/** The zone of this browser. */
export const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'

export function zones(): string[] {
  const known =
    typeof Intl.supportedValuesOf === 'function' ? Intl.supportedValuesOf('timeZone') : []
  return [...new Set(['UTC', ownZone(), ...known])]
}

/** A moment as the clock on the wall of a zone shows it. */
export function wallTime(at: string, zone: string | null | undefined): string {
  const options: Intl.DateTimeFormatOptions = {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hour12: false,
    timeZoneName: 'short',
  }
  try {
    return new Date(at).toLocaleString('en-GB', { ...options, timeZone: zone ?? ownZone() })
  } catch {
    // A zone that the server knows and this browser does not.
    return new Date(at).toLocaleString('en-GB', options)
  }
}

/** What becomes of missed times, and what comes of that. */
export const POLICIES = [
  {
    value: 'once',
    label: 'Run once',
    means: 'However many times were missed, one job is queued when the machine is back.',
  },
  {
    value: 'skip',
    label: 'Skip',
    means: 'Nothing is queued for them. It goes on at the next time.',
  },
  {
    value: 'all',
    label: 'Run all',
    means: 'A job is queued for each missed time, up to the newest thousand.',
  },
] as const
export type CatchUp = (typeof POLICIES)[number]['value']

/** What a time came to, in words. */
export function cameTo(fire: Fire): string {
  switch (fire.outcome) {
    case 'missed':
      return fire.times === 1 ? 'missed' : `${fire.times.toLocaleString('en')} times missed`
    case 'alive':
      return 'the one before had not ended'
    case 'refused':
      return fire.message ?? 'refused'
    default:
      return fire.status ? fire.status.toLowerCase() : 'its job was deleted'
  }
}
