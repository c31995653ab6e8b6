import { expect, it } from 'vitest'
import { ref } from 'vue'
import type { View } from '@/api/types'
import { isLike, sameView } from '@/composables/views'
import type { Order } from './rows'
import { useRunsView } from './useRunsView'

const table = () => ({
  filter: ref("params.depth = '2'"),
  order: ref<Order | undefined>({ field: 'metrics.`rmse`', ascending: true }),
  columns: ref(['name', 'metrics.rmse']),
  view: ref<View>('active'),
})
const viewOf = ({ filter, order, columns, view }: ReturnType<typeof table>) =>
  useRunsView(filter, order, columns, view)

it('shows again what was shown when it was named', () => {
  const refs = table()
  const listed = viewOf(refs)
  const stored = JSON.parse(JSON.stringify(listed.value)) as typeof listed.value
  refs.filter.value = ''
  refs.order.value = undefined
  refs.columns.value = ['name']
  refs.view.value = 'deleted'
  expect(sameView(listed.value, stored)).toBe(false)
  expect(isLike(stored, listed.value)).toBe(true)

  listed.value = stored
  expect(refs.filter.value).toBe("params.depth = '2'")
  expect(refs.order.value).toEqual({ field: 'metrics.`rmse`', ascending: true })
  expect(refs.columns.value).toEqual(['name', 'metrics.rmse'])
  expect(refs.view.value).toBe('active')
  expect(sameView(listed.value, stored)).toBe(true)
})

it('takes runs for present ones when it does not know which were meant', () => {
  const refs = table()
  const listed = viewOf(refs)
  refs.view.value = 'deleted'
  listed.value = { ...listed.value, view: 'of another version' }
  expect(refs.view.value).toBe('active')
})
