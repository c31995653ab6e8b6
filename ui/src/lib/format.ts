/** Numbers, times and sizes as people read them. Pure; every function is tested. */
import type { MetricValue } from '@/api/types'

export const MISSING = '–'

/** A metric on the wire as a number; JSON has no NaN, so those come as words. */
export function toNumber(value: MetricValue): number {
  return typeof value === 'number' ? value : Number(value)
}

/** At most `digits` significant digits, never a wall of zeros, grouped when large. */
export function formatNumber(value: number, digits = 5): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞'
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (Number.isInteger(value) && size < 1e9) return value.toLocaleString('en-US')
  if (size >= 1e9 || size < 1e-4) {
    const [mantissa = '0', exponent = '0'] = value.toExponential(Math.max(0, digits - 2)).split('e')
    return `${trimZeros(mantissa)}e${exponent.replace('+', '')}`
  }
  if (size >= 1e5) return Math.round(value).toLocaleString('en-US')
  return trimZeros(value.toPrecision(digits))
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

export function formatMetric(value: MetricValue | null | undefined, digits = 5): string {
  return value === null || value === undefined ? MISSING : formatNumber(toNumber(value), digits)
}

/** Most digits of a parameter that still tell something, as of a number that was drawn. */
const PARAM_DIGITS = 6

/** A parameter as it was logged; one with the digits of a drawn number as a metric is shown. */
export function formatParam(text: string): string {
  const [, whole, fraction = ''] = /^-?(\d*)\.(\d+)(?:e[+-]?\d+)?$/i.exec(text) ?? []
  if (whole === undefined || !Number.isFinite(Number(text))) return text
  const digits = (whole + fraction).replace(/^0+/, '').length
  return digits > PARAM_DIGITS ? formatNumber(Number(text)) : text
}

/** Short axis labels: 1.2k, 3M. */
export function formatCompact(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e12) return value.toExponential(1).replace('+', '')
  if (size >= 1e9) return `${trimZeros((value / 1e9).toPrecision(3))}G`
  if (size >= 1e6) return `${trimZeros((value / 1e6).toPrecision(3))}M`
  if (size >= 1e4) return `${trimZeros((value / 1e3).toPrecision(3))}k`
  return formatNumber(value, 4)
}

/**
 * How long something took, with its units: 0.25ms, 620ms, 1.2s, 45s, 12m 40s, 3h 05m, 2d 4h.
 * The only one there is, so that two durations are never written in two ways.
 */
export function formatDuration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return MISSING
  const total = Math.max(0, ms)
  if (total < 9.95) return total === 0 ? '0s' : `${trimZeros(total.toPrecision(2))}ms`
  if (total < 999.5) return `${Math.round(total)}ms`
  if (total < 9950) return `${trimZeros((total / 1000).toFixed(1))}s`
  // Whole units have passed: a clock that runs never shows one too early.
  const seconds = Math.max(10, Math.floor(total / 1000))
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return units(seconds, 60, 'm', 's')
  if (seconds < 86_400) return units(Math.floor(seconds / 60), 60, 'h', 'm')
  return units(Math.floor(seconds / 3600), 24, 'd', 'h')
}

/** 3h 05m; nothing is said of a second unit that is zero. */
function units(count: number, each: number, large: string, small: string): string {
  const rest = count % each
  const whole = `${Math.floor(count / each)}${large}`
  return rest === 0 ? whole : `${whole} ${String(rest).padStart(each > 24 ? 2 : 1, '0')}${small}`
}

/** US dollars; what costs less than a cent keeps two digits. */
export function formatCost(dollars: number | null | undefined): string {
  if (dollars === null || dollars === undefined) return MISSING
  if (dollars === 0 || dollars >= 0.01) return `$${dollars.toFixed(2)}`
  return `$${trimZeros(dollars.toPrecision(2))}`
}

export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return MISSING
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  let size = bytes
  let unit = 0
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000
    unit += 1
  }
  const digits = unit === 0 || size >= 100 ? 0 : 1
  return `${trimZeros(size.toFixed(digits))} ${units[unit]}`
}

export function formatCount(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`
}

/** "just now", "4 min ago", "3 h ago", "yesterday", then the date. */
export function formatAgo(when: string | number | null | undefined, now = Date.now()): string {
  if (when === null || when === undefined) return MISSING
  const time = typeof when === 'number' ? when : Date.parse(when)
  if (Number.isNaN(time)) return MISSING
  const seconds = Math.round((now - time) / 1000)
  if (seconds < 45) return 'just now'
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h ago`
  if (seconds < 2 * 86_400) return 'yesterday'
  if (seconds < 14 * 86_400) return `${Math.round(seconds / 86_400)} days ago`
  return formatDate(time)
}

/**
 * Dates and times are written in the interface's own English, on a clock of 24 hours: the month is
 * a word, so that 3/4 is never read as the third of April or the fourth of March.
 */
const LOCALE = 'en-GB'

const DATE = { year: 'numeric', month: 'short', day: 'numeric' } as const
const TIME = { hour: '2-digit', minute: '2-digit' } as const

/** 30 Nov 2026 */
export function formatDate(when: string | number): string {
  return new Date(when).toLocaleDateString(LOCALE, DATE)
}

/** 30 Nov */
export function formatDay(when: number): string {
  return new Date(when).toLocaleDateString(LOCALE, { month: 'short', day: 'numeric' })
}

/** Nov */
export function formatMonth(when: number): string {
  return new Date(when).toLocaleDateString(LOCALE, { month: 'short' })
}

/** 30 Nov 2026, 08:10:05: the full moment, for tooltips and details. */
export function formatDateTime(when: string | number | null | undefined): string {
  if (when === null || when === undefined) return MISSING
  return new Date(when).toLocaleString(LOCALE, { ...DATE, ...TIME, second: '2-digit' })
}

/** 08:10: the time of day, to the minute. */
export function formatTime(when: number): string {
  return new Date(when).toLocaleTimeString(LOCALE, TIME)
}

/** 08:10:05 */
export function formatClock(when: number): string {
  return new Date(when).toLocaleTimeString(LOCALE, { ...TIME, second: '2-digit' })
}

/** A file name any system accepts. */
export function fileName(text: string, extension: string): string {
  const stem = text
    .replace(/[^\p{L}\p{N}._-]+/gu, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 80)
  return `${stem || 'branchline'}.${extension}`
}
