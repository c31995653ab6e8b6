import { onScopeDispose, shallowRef, toValue, watchEffect, type MaybeRefOrGetter } from 'vue'
import type { RouteLocationRaw } from 'vue-router'

export interface Crumb {
  label: string
  to?: RouteLocationRaw
}

export const crumbs = shallowRef<Crumb[]>([])

/** A page says where it stands; the last crumb is the window's title too. */
export function useCrumbs(list: MaybeRefOrGetter<Crumb[]>): void {
  let mine: Crumb[] = []
  watchEffect(() => {
    mine = toValue(list)
    crumbs.value = mine
    const last = mine.at(-1)?.label
    if (last) document.title = `${last} · Branchline`
  })
  onScopeDispose(() => {
    if (crumbs.value === mine) crumbs.value = []
  })
}
