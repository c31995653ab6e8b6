/** How a file is shown, by its name; and readers for the simple formats. */
export type ArtifactKind =
  'text' | 'markdown' | 'image' | 'table' | 'json' | 'html' | 'notebook' | 'other'

const BY_EXTENSION: Record<string, ArtifactKind> = {
  png: 'image',
  jpg: 'image',
  jpeg: 'image',
  gif: 'image',
  webp: 'image',
  bmp: 'image',
  avif: 'image',
  svg: 'html',
  html: 'html',
  htm: 'html',
  csv: 'table',
  tsv: 'table',
  json: 'json',
  ipynb: 'notebook',
  md: 'markdown',
  markdown: 'markdown',
}
const TEXT =
  /\.(txt|log|py|ya?ml|toml|ini|cfg|conf|sh|bash|js|ts|jsonl|ndjson|xml|sql|r|java|scala|rs|go|c|h|cpp|hpp|css|env|lock|diff|patch|tex|rst)$/i
const TEXT_NAMES =
  /^(MLmodel|MLproject|Dockerfile|Makefile|LICENSE|README|requirements|\.gitignore)$/i

export function kindOf(name: string): ArtifactKind {
  const extension = name.split('.').at(-1)?.toLowerCase() ?? ''
  const known = name.includes('.') ? BY_EXTENSION[extension] : undefined
  if (known) return known
  return TEXT.test(name) || TEXT_NAMES.test(name) ? 'text' : 'other'
}

/** Quoted fields, doubled quotes, line ends inside quotes; CRLF and LF. */
export function parseTable(text: string, separator: string, limit: number): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  let field = ''
  let quoted = false
  const endField = () => {
    row.push(field)
    field = ''
  }
  for (let at = 0; at < text.length && rows.length < limit; at += 1) {
    const char = text[at] ?? ''
    if (quoted) {
      if (char !== '"') field += char
      else if (text[at + 1] === '"') {
        field += '"'
        at += 1
      } else quoted = false
    } else if (char === '"' && field === '') quoted = true
    else if (char === separator) endField()
    else if (char === '\n') {
      endField()
      rows.push(row)
      row = []
    } else if (char !== '\r') field += char
  }
  if (rows.length < limit && (field !== '' || row.length > 0)) {
    endField()
    rows.push(row)
  }
  return rows
}
