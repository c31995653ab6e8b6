/** The spans of a trace as rows of a tree over time. Pure; every function is tested. */
import type { Span } from '@/api/types'

export interface SpanRow {
  span: Span
  /** How deep it lies; the root has 0. */
  depth: number
  hasChildren: boolean
}

/** Depth first, children by start; a span whose parent has not arrived stands at the top. */
export function spanRows(spans: readonly Span[], folded: ReadonlySet<string>): SpanRow[] {
  const known = new Set(spans.map((span) => span.span_id))
  const children = new Map<string | undefined, Span[]>()
  for (const span of spans) {
    const parent = span.parent_id && known.has(span.parent_id) ? span.parent_id : undefined
    const siblings = children.get(parent)
    if (siblings) siblings.push(span)
    else children.set(parent, [span])
  }
  const rows: SpanRow[] = []
  const visited = new Set<string>()
  function visit(parent: string | undefined, depth: number): void {
    const siblings = [...(children.get(parent) ?? [])].sort((a, b) => a.start_ms - b.start_ms)
    for (const span of siblings) {
      // A circle of parents would never end.
      if (visited.has(span.span_id)) continue
      visited.add(span.span_id)
      rows.push({ span, depth, hasChildren: children.has(span.span_id) })
      if (!folded.has(span.span_id)) visit(span.span_id, depth + 1)
    }
  }
  visit(undefined, 0)
  return rows
}

/** From the first start to the last end, in milliseconds; never nothing. */
export function spanOf(spans: readonly Span[]): number {
  const ends = spans.map((span) => span.start_ms + (span.duration_ms ?? 0))
  return Math.max(1e-6, ...ends)
}

/** Where a span's bar begins and how long it is, as shares of the whole; always to be seen. */
export function barOf(span: Span, whole: number): { left: number; width: number } {
  const left = Math.min(0.995, Math.max(0, span.start_ms / whole))
  const length = span.duration_ms == null ? 1 - left : span.duration_ms / whole
  return { left, width: Math.min(1 - left, Math.max(0.005, length)) }
}

/** A preview is the beginning of some JSON; what is only a text is shown as one. */
export function previewText(preview: string | null | undefined): string {
  if (!preview) return ''
  try {
    return plainText(JSON.parse(preview)) ?? preview
  } catch {
    // Cut in the middle: at least without the first quote.
    return preview.startsWith('"') ? preview.slice(1) : preview
  }
}

/** The one text of a chat message or a single answer, where that is all there is to show. */
export function plainText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const entries = Object.values(value)
  return entries.length === 1 && typeof entries[0] === 'string' ? entries[0] : undefined
}
