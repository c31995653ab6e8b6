/** What a deletion takes, in sentences. */
import type { EmptiedTrash } from '@/api/types'
import { formatBytes, formatCount } from '@/lib/format'

function list(parts: string[]): string {
  if (parts.length < 2) return parts.join('')
  return `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
}

export function describeGone(gone: EmptiedTrash): string {
  const things = [
    gone.experiments ? formatCount(gone.experiments, 'experiment') : '',
    gone.runs ? formatCount(gone.runs, 'run') : '',
    gone.logged_models ? formatCount(gone.logged_models, 'logged model') : '',
  ].filter(Boolean)
  const bytes = `${formatBytes(gone.artifact_bytes)} of files and about ${formatBytes(gone.database_bytes)} in the database`
  const used = gone.versions
    ? ` ${formatCount(gone.versions, 'registered version')} made from them can no longer be loaded.`
    : ''
  return `${list(things)} with ${bytes}.${used}`
}

export function whatStays(gone: EmptiedTrash): string {
  const kept = gone.kept
    ? `${formatCount(gone.kept, 'thing')} that registered versions were made from stay in the trash.`
    : ''
  const elsewhere = gone.elsewhere
    ? `Files of ${formatCount(gone.elsewhere, 'thing')} lie outside of this server and stay.`
    : ''
  return [kept, elsewhere].filter(Boolean).join(' ')
}
