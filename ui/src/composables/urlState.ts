import { computed, nextTick, type WritableComputedRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'

/**
 * State that belongs in the address, so that reload, back and a shared link find it again.
 * Several changes of one moment become one replacement of the address.
 */
export function useUrlState() {
  const route = useRoute()
  const router = useRouter()
  const path = route.path
  const pending = new Map<string, string | undefined>()
  let scheduled = false

  function flush(): void {
    scheduled = false
    // The page may have been left meanwhile: another page's address is not ours.
    if (route.path !== path) return
    const query = { ...route.query }
    for (const [name, value] of pending) {
      if (value === undefined || value === '') Reflect.deleteProperty(query, name)
      else query[name] = value
    }
    pending.clear()
    void router.replace({ query })
  }

  function text(name: string, fallback = ''): WritableComputedRef<string> {
    let last = read() ?? fallback
    function read(): string | undefined {
      const value = route.query[name]
      return typeof value === 'string' ? value : undefined
    }
    return computed({
      // While another page is shown or slides in, keep what was.
      get: () => {
        if (route.path === path) last = read() ?? fallback
        return last
      },
      set: (value) => {
        pending.set(name, value === fallback ? undefined : value)
        if (scheduled) return
        scheduled = true
        void nextTick(flush)
      },
    })
  }

  /** A text that is read and written as something else. */
  function value<T>(
    name: string,
    decode: (text: string) => T,
    encode: (value: T) => string,
  ): WritableComputedRef<T> {
    const raw = text(name)
    return computed({ get: () => decode(raw.value), set: (next) => (raw.value = encode(next)) })
  }

  return { text, value }
}
