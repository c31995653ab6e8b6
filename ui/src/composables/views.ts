import { computed } from 'vue'
import { usePreference } from './preferences'

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether a stored value has the parts of `view`: an older version may have left another. */
export const isLike = <View extends object>(value: unknown, view: View): value is View =>
  isObject(value) &&
  Object.entries(view).every(([part, present]) =>
    Array.isArray(present) ? Array.isArray(value[part]) : typeof value[part] === typeof present,
  )

/** Whether both show the same, whatever else was stored with one of them. */
export const sameView = <View extends object>(one: View, other: View) =>
  Object.entries(one).every(
    ([part, value]) =>
      JSON.stringify(value) === JSON.stringify((other as Record<string, unknown>)[part]),
  )

/** The views of a list that a person named, kept as the preference `key`. */
export function useSavedViews<View extends object>(key: string, current: () => View) {
  const stored = usePreference<Record<string, unknown>>(key, {}, isObject)
  const views = computed(() =>
    Object.entries(stored.value)
      .map(([name, view]) => ({ name, view }))
      .filter((one): one is { name: string; view: View } => isLike(one.view, current())),
  )
  return {
    views,
    save: (name: string) => (stored.value = { ...stored.value, [name]: current() }),
    forget: (gone: string) =>
      (stored.value = Object.fromEntries(
        Object.entries(stored.value).filter(([name]) => name !== gone),
      )),
  }
}
