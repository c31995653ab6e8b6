/** Places for labels on an axis, and what is written at those of a clock. */
import { formatClock, formatDay, formatMonth, formatTime } from '@/lib/format'

/** For a logarithmic axis, also within one decade. */
export function logTicks(min: number, max: number): number[] {
  const decades = Math.log10(max) - Math.log10(min)
  const units = decades > 5 ? [1] : decades > 2 ? [1, 3] : decades > 0.8 ? [1, 2, 5] : undefined
  if (!units) {
    const step = 10 ** Math.floor(Math.log10(max - min)) / 2
    const count = Math.ceil((max - min) / step)
    const every = step * Math.max(1, Math.ceil(count / 5))
    return Array.from({ length: 12 }, (_, i) => (Math.ceil(min / every) + i) * every).filter(
      (value) => value <= max,
    )
  }
  const splits: number[] = []
  for (let power = Math.floor(Math.log10(min)); power <= Math.log10(max); power += 1) {
    for (const unit of units) {
      const value = Number((unit * 10 ** power).toPrecision(12))
      if (value >= min && value <= max) splits.push(value)
    }
  }
  return splits
}

/** Round numbers between two ends, about `count` of them. */
export function niceTicks(min: number, max: number, count: number): number[] {
  if (!(max > min)) return [min]
  const rough = (max - min) / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 2.5, 5].find((unit) => unit * power >= rough) ?? 10) * power
  const first = Math.ceil(min / step - 1e-9)
  const last = Math.floor(max / step + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  )
}

/** What a clock is cut into. */
export const SECONDS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400,
  172_800, 604_800,
]

/** Round times between two ends, at most `count` and one of them; `offset` is the zone's. */
export function clockTicks(min: number, max: number, count: number, offset = 0) {
  const rough = (max - min) / count
  const every = SECONDS.find((step) => step >= rough) ?? 604_800 * Math.ceil(rough / 604_800)
  const first = Math.ceil((min + offset) / every) * every - offset
  const many = Math.max(0, Math.floor((max - first) / every) + 1)
  return { every, ticks: Array.from({ length: many }, (_, i) => first + i * every) }
}

const MINUTE = 60
const DAY = 86_400
const MONTH = 28 * DAY
const YEAR = 365 * DAY

/**
 * Labels for moments, in seconds, that are `every` seconds apart. A second line says what the first
 * leaves open, where it begins and where it changes: the day below a time, the year below a day.
 */
export function timeLabels(moments: readonly number[], every: number): string[] {
  const [first, second] = timeLines(every)
  let last = ''
  return moments.map((seconds) => {
    const at = seconds * 1000
    const below = second(at)
    const changed = below !== last
    last = below
    return changed && below ? `${first(at)}\n${below}` : first(at)
  })
}

type Line = (at: number) => string

function timeLines(every: number): [Line, Line] {
  const year: Line = (at) => String(new Date(at).getFullYear())
  if (every >= YEAR) return [year, () => '']
  if (every >= MONTH) return [formatMonth, year]
  if (every >= DAY) return [formatDay, year]
  if (every >= MINUTE) return [formatTime, formatDay]
  if (every >= 1) return [formatClock, formatDay]
  return [(at) => `:${((at / 1000) % MINUTE).toFixed(2).padStart(5, '0')}`, formatTime]
}
