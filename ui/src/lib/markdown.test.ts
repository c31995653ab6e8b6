import { describe, expect, it } from 'vitest'
import { firstLine, renderMarkdown } from './markdown'

function html(source: string): string {
  const holder = document.createElement('div')
  holder.append(renderMarkdown(source))
  return holder.innerHTML
}

describe('renderMarkdown', () => {
  it('renders what notes use', () => {
    expect(html('**best** so far')).toContain('<strong>best</strong>')
  })

  it('lets no script through', () => {
    const out = html('<script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror=a()>')
    expect(out).not.toContain('<script')
    expect(out).not.toContain('href="javascript')
    expect(out).not.toContain('<img')
  })
})

describe('firstLine', () => {
  it('is plain text', () => {
    expect(firstLine('\n# A *fine* [model](http://x)\nmore')).toBe('A fine model')
    expect(firstLine('_grid_ over `l1_ratio`')).toBe('grid over l1_ratio')
    expect(firstLine(undefined)).toBe('')
  })
})
