/** Enough colour to read code by; not a parser. Works line by line on what is shown. */
export type Language = 'text' | 'python' | 'shell' | 'json' | 'yaml' | 'js'
export interface Piece {
  kind: 'plain' | 'keyword' | 'string' | 'number' | 'comment' | 'key'
  text: string
}

const PYTHON =
  'and|as|assert|async|await|break|class|continue|def|del|elif|else|except|False|finally|for|from|global|if|import|in|is|lambda|None|nonlocal|not|or|pass|raise|return|True|try|while|with|yield'
const JS =
  'async|await|break|case|catch|class|const|continue|default|else|export|extends|false|finally|for|from|function|if|import|in|let|new|null|of|return|switch|this|throw|true|try|typeof|undefined|while|yield'

const STRING = String.raw`"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?`
const NUMBER = String.raw`\b\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?\b`

const rules: Record<Exclude<Language, 'text'>, RegExp> = {
  python: rule({ comment: '#.*', string: STRING, keyword: `\\b(?:${PYTHON})\\b`, number: NUMBER }),
  js: rule({
    comment: '//.*',
    string: `${STRING}|\`[^\`]*\`?`,
    keyword: `\\b(?:${JS})\\b`,
    number: NUMBER,
  }),
  shell: rule({
    comment: '(?<=^|\\s)#.*',
    string: STRING,
    keyword: '\\b(?:export|if|then|else|fi|for|do|done|in|case|esac|function|return)\\b',
  }),
  json: rule({
    key: String.raw`"(?:[^"\\]|\\.)*"(?=\s*:)`,
    string: STRING,
    keyword: '\\b(?:true|false|null)\\b',
    number: NUMBER,
  }),
  yaml: rule({
    comment: '(?<=^|\\s)#.*',
    key: String.raw`(?<=^\s*(?:- )*)[\w./-]+(?=:(?:\s|$))`,
    string: STRING,
    keyword: '\\b(?:true|false|null|yes|no)\\b',
    number: NUMBER,
  }),
}

function rule(kinds: Partial<Record<Piece['kind'], string>>): RegExp {
  const groups = Object.entries(kinds).map(([kind, pattern]) => `(?<${kind}>${pattern})`)
  return new RegExp(groups.join('|'), 'g')
}

/** Past this a colouring costs more than it tells. */
const LONGEST_LINE = 2000

export function highlight(text: string, language: Language): Piece[][] {
  return text.split('\n').map((line) => {
    if (language === 'text' || line.length > LONGEST_LINE) return [{ kind: 'plain', text: line }]
    return pieces(line, rules[language])
  })
}

function pieces(line: string, pattern: RegExp): Piece[] {
  const found: Piece[] = []
  let at = 0
  for (const match of line.matchAll(pattern)) {
    if (match.index > at) found.push({ kind: 'plain', text: line.slice(at, match.index) })
    const kind = Object.entries(match.groups ?? {}).find(([, value]) => value !== undefined)?.[0]
    found.push({ kind: kind as Piece['kind'], text: match[0] })
    at = match.index + match[0].length
  }
  if (at < line.length) found.push({ kind: 'plain', text: line.slice(at) })
  return found
}

const BY_EXTENSION: Record<string, Language> = {
  py: 'python',
  ipynb: 'json',
  json: 'json',
  jsonl: 'json',
  yaml: 'yaml',
  yml: 'yaml',
  toml: 'yaml',
  ini: 'yaml',
  cfg: 'yaml',
  sh: 'shell',
  bash: 'shell',
  js: 'js',
  ts: 'js',
  mjs: 'js',
}

export function languageOf(name: string): Language {
  if (name === 'MLmodel' || name === 'MLproject') return 'yaml'
  return BY_EXTENSION[name.split('.').at(-1)?.toLowerCase() ?? ''] ?? 'text'
}
