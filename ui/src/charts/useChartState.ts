import { computed, type WritableComputedRef } from 'vue'
import type { useUrlState } from '@/composables/urlState'
import { decodeZoom, DEFAULT_SETTINGS, encodeZoom, type ChartSettings, type Range } from './model'

/** `relative,log,s0.6,clip`: only what differs from the default. */
export function encodeSettings(settings: ChartSettings): string {
  const parts: string[] = []
  if (settings.x !== 'step') parts.push(settings.x)
  if (settings.log) parts.push('log')
  if (settings.smoothing > 0) parts.push(`s${settings.smoothing}`)
  if (settings.clip) parts.push('clip')
  return parts.join(',')
}

export function decodeSettings(text: string): ChartSettings {
  const settings = { ...DEFAULT_SETTINGS }
  for (const part of text.split(',')) {
    if (part === 'relative' || part === 'wall') settings.x = part
    else if (part === 'log') settings.log = true
    else if (part === 'clip') settings.clip = true
    else if (/^s0\.\d+$/.test(part)) settings.smoothing = Math.min(0.99, Number(part.slice(1)))
  }
  return settings
}

export function useChartState(url: ReturnType<typeof useUrlState>): {
  settings: WritableComputedRef<ChartSettings>
  zooms: WritableComputedRef<Map<string, Range>>
} {
  const stored = url.value('chart', decodeSettings, encodeSettings)
  const zooms = url.value('zoom', decodeZoom, encodeZoom)
  const settings = computed({
    get: () => stored.value,
    set: (next) => {
      // A range of steps means nothing on an axis of time.
      if (next.x !== stored.value.x) zooms.value = new Map()
      stored.value = next
    },
  })
  return { settings, zooms }
}
