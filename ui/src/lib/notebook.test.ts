import { describe, expect, it } from 'vitest'
import { readNotebook } from './notebook'

describe('a notebook', () => {
  const cell = (outputs: unknown[]) =>
    readNotebook({
      cells: [{ cell_type: 'code', source: ['a\n', 'b'], metadata: {}, outputs }],
    })?.[0]

  it('has cells with what they say', () => {
    expect(cell([])?.source).toBe('a\nb')
    const tagged = readNotebook({
      cells: [{ cell_type: 'markdown', source: '# x', metadata: { tags: ['parameters'] } }],
    })
    expect(tagged?.[0]).toMatchObject({ kind: 'markdown', tags: ['parameters'], outputs: [] })
    expect(readNotebook({})).toBeUndefined()
    expect(readNotebook(null)).toBeUndefined()
  })

  it('shows the best of each output', () => {
    const data = { 'text/plain': '<Figure>', 'image/png': 'QUJD\n' }
    expect(cell([{ output_type: 'display_data', data }])?.outputs).toEqual([
      { kind: 'image', text: 'data:image/png;base64,QUJD' },
    ])
    expect(cell([{ output_type: 'stream', text: ['\u001b[31mred\u001b[0m\n'] }])?.outputs).toEqual([
      { kind: 'text', text: 'red\n' },
    ])
    const error = { output_type: 'error', ename: 'E', evalue: 'v', traceback: [] }
    expect(cell([error])?.outputs).toEqual([{ kind: 'error', text: 'E: v' }])
    const html = { 'text/html': ['<b>', '</b>'], 'text/plain': 'x' }
    expect(cell([{ output_type: 'execute_result', data: html }])?.outputs[0]?.kind).toBe('html')
  })
})
