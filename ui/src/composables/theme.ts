import { usePreferredDark } from '@vueuse/core'
import { computed, watchEffect } from 'vue'
import { oneOf, usePreference } from './preferences'

export type ThemeChoice = 'light' | 'dark' | 'system'

export const themeChoice = usePreference<ThemeChoice>(
  'theme',
  'system',
  oneOf<ThemeChoice>('light', 'dark', 'system'),
)

const prefersDark = usePreferredDark()

export const theme = computed<'light' | 'dark'>(() => {
  if (themeChoice.value !== 'system') return themeChoice.value
  return prefersDark.value ? 'dark' : 'light'
})

export function applyTheme(): void {
  watchEffect(() => {
    document.documentElement.dataset.theme = theme.value
  })
}

export function cycleTheme(): void {
  const order: ThemeChoice[] = ['system', 'light', 'dark']
  themeChoice.value = order[(order.indexOf(themeChoice.value) + 1) % order.length] ?? 'system'
}
