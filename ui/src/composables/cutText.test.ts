import { afterEach, expect, it } from 'vitest'
import { effectScope } from 'vue'
import { useCutText } from './cutText'

const scope = effectScope()
scope.run(useCutText)
afterEach(() => document.body.replaceChildren())

/** A cell with a word in it, as wide as its room or wider. */
function cell(html: string, cut: boolean): HTMLElement {
  document.body.innerHTML = html
  const found = document.querySelector<HTMLElement>('.truncate') ?? document.body
  Object.defineProperty(found, 'clientWidth', { value: 50 })
  Object.defineProperty(found, 'scrollWidth', { value: cut ? 90 : 50 })
  found.querySelector('a, b')?.dispatchEvent(new MouseEvent('mouseover', { bubbles: true }))
  return found
}

it('tells what is cut while the pointer is on it', () => {
  const found = cell('<p class="truncate"> <b>a long name</b> </p>', true)
  expect(found.title).toBe('a long name')
  found.dispatchEvent(new MouseEvent('mouseleave'))
  expect(found.hasAttribute('title')).toBe(false)
})

it('says nothing of what is whole, nor again what a title says', () => {
  expect(cell('<p class="truncate"><b>short</b></p>', false).title).toBe('')
  const inside = cell('<p class="truncate"><a title="more">cut</a></p>', true)
  expect(inside.hasAttribute('title')).toBe(false)
  const outside = cell('<div title="more"><p class="truncate"><b>cut</b></p></div>', true)
  expect(outside.hasAttribute('title')).toBe(false)
})
