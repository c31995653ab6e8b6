import { useIntervalFn } from '@vueuse/core'
import { readonly, ref } from 'vue'

const now = ref(Date.now())
useIntervalFn(() => (now.value = Date.now()), 1000)

/** The time, to the second, shared by everything that shows an age or a running duration. */
export const useNow = () => readonly(now)
