/** A Jupyter notebook as it is shown: cells with their outputs, whatever else its file has. */
export interface NotebookOutput {
  kind: 'text' | 'image' | 'html' | 'markdown' | 'error'
  text: string
}
export interface NotebookCell {
  kind: 'code' | 'markdown' | 'raw'
  source: string
  count: number | null
  tags: string[]
  outputs: NotebookOutput[]
}

const joined = (text: unknown): string =>
  Array.isArray(text) ? text.join('') : typeof text === 'string' ? text : ''
const ESCAPES = /\u001b\[[0-9;]*[A-Za-z]/g
const plain = (text: string) => text.replace(ESCAPES, '')

type Bag = Record<string, unknown>
const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp']

/** The best of what an output can be shown as. */
function shown(data: Bag): NotebookOutput | undefined {
  const image = IMAGES.find((type) => data[type] !== undefined)
  if (image) {
    const base64 = joined(data[image]).replace(/\s/g, '')
    return { kind: 'image', text: `data:${image};base64,${base64}` }
  }
  if (data['image/svg+xml'] !== undefined) {
    const svg = encodeURIComponent(joined(data['image/svg+xml']))
    return { kind: 'image', text: `data:image/svg+xml,${svg}` }
  }
  if (data['text/html'] !== undefined) return { kind: 'html', text: joined(data['text/html']) }
  if (data['text/markdown'] !== undefined) {
    return { kind: 'markdown', text: joined(data['text/markdown']) }
  }
  const text = data['text/plain'] ?? data['application/json']
  if (text === undefined) return undefined
  return { kind: 'text', text: plain(joined(text) || JSON.stringify(text)) }
}

function output(raw: Bag): NotebookOutput | undefined {
  switch (raw.output_type) {
    case 'stream':
      return { kind: 'text', text: plain(joined(raw.text)) }
    case 'error': {
      const lines = Array.isArray(raw.traceback) ? raw.traceback.join('\n') : ''
      return { kind: 'error', text: plain(lines || `${raw.ename}: ${raw.evalue}`) }
    }
    default:
      return shown((raw.data ?? {}) as Bag)
  }
}

/** Reads a notebook of the fourth format; undefined where the text is none. */
export function readNotebook(value: unknown): NotebookCell[] | undefined {
  const cells = (value as Bag | null | undefined)?.cells
  if (!Array.isArray(cells)) return undefined
  return (cells as Bag[]).map((cell) => {
    const metadata = (cell.metadata ?? {}) as Bag
    const outputs = Array.isArray(cell.outputs) ? (cell.outputs as Bag[]) : []
    return {
      kind: cell.cell_type === 'code' || cell.cell_type === 'markdown' ? cell.cell_type : 'raw',
      source: joined(cell.source),
      count: typeof cell.execution_count === 'number' ? cell.execution_count : null,
      tags: Array.isArray(metadata.tags) ? metadata.tags.map(String) : [],
      outputs: outputs.flatMap((raw) => output(raw) ?? []),
    }
  })
}
