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

/** Short axis labels: 1.2k, 3M. */
export function formatCompact(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e12) return value.toExponential(1).replace('+', '')
  if (size >= 1e9) return `${trimZeros((value / 1e9).toPrecision(3))}G`
  if (size >= 1e6) return `${trimZeros((value / 1e6).toPrecision(3))}M`
  if (size >= 1e4) return `${trimZeros((value / 1e3).toPrecision(3))}k`
  return formatNumber(value, 4)
}

/** 0:03, 12:40, 3:05:09, 2d 4h: what a column of durations needs. */
export function formatDuration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return MISSING
  const total = Math.max(0, ms)
  if (total < 1000) return `${(total / 1000).toFixed(1)}s`
  const seconds = Math.floor(total / 1000)
  const pad = (n: number) => String(n).padStart(2, '0')
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${pad(seconds % 60)}`
  if (seconds < 86_400) {
    return `${Math.floor(seconds / 3600)}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`
  }
  return `${Math.floor(seconds / 86_400)}d ${Math.floor(seconds / 3600) % 24}h`
}

/** 0.25 ms, 120 ms, 1.25 s: short times, each with its unit. */
export function formatMilliseconds(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return MISSING
  if (ms >= 60_000) return formatDuration(ms)
  if (ms >= 1000) return `${trimZeros((ms / 1000).toFixed(2))} s`
  return `${ms >= 10 ? Math.round(ms) : trimZeros(ms.toPrecision(2))} ms`
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

export function formatDate(when: string | number): string {
  const date = new Date(when)
  return date.toLocaleDateString(undefined, { year: 'numeric', month: 'short', day: 'numeric' })
}

/** The full moment, for tooltips and details. */
export function formatDateTime(when: string | number | null | undefined): string {
  if (when === null || when === undefined) return MISSING
  return new Date(when).toLocaleString(undefined, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
}

/** The time of day, to the minute. */
export function formatTime(when: number): string {
  return new Date(when).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' })
}

/** A file name any system accepts. */
export function fileName(text: string, extension: string): string {
  const stem = text
    .replace(/[^\p{L}\p{N}._-]+/gu, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 80)
  return `${stem || 'branchline'}.${extension}`
}
