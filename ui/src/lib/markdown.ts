import DOMPurify from 'dompurify'
import MarkdownIt from 'markdown-it'

const markdown = new MarkdownIt({ html: false, linkify: true, breaks: true })

/** Notes come from other people and programs: HTML is off, and what is made is sanitised too. */
export function renderMarkdown(source: string): DocumentFragment {
  return DOMPurify.sanitize(markdown.render(source), {
    RETURN_DOM_FRAGMENT: true,
    FORBID_TAGS: ['style', 'form', 'input', 'button'],
    FORBID_ATTR: ['style'],
  })
}

/** The first words of a note, for lists. */
export function firstLine(source: string | null | undefined): string {
  const line = (source ?? '').split('\n').find((text) => text.trim()) ?? ''
  return line
    .replace(/^[#>\s*-]+/, '')
    .replace(/[*`]/g, '')
    .replace(/(?<!\w)_+|_+(?!\w)/g, '')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .trim()
}
