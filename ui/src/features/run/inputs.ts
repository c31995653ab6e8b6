import type { DatasetInput } from '@/api/types'

/** What mlflow's dataset classes write: rows and columns, when they can be read. */
export function inputShape(input: DatasetInput): string {
  const profile = parse(input.profile)
  const rows = profile?.num_rows
  const columns = columnCount(parse(input.schema))
  const parts: string[] = []
  if (typeof rows === 'number') parts.push(`${rows.toLocaleString('en-US')} rows`)
  if (columns !== undefined) parts.push(`${columns} columns`)
  return parts.join(', ')
}

function parse(text: string | null | undefined): Record<string, unknown> | undefined {
  if (!text) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function columnCount(schema: Record<string, unknown> | undefined): number | undefined {
  const columns = schema?.mlflow_colspec
  return Array.isArray(columns) ? columns.length : undefined
}
