import uPlot from 'uplot'
import { onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue'
import { theme } from '@/composables/theme'
import { align, type ChartSettings, type DrawnChart, type Range } from './model'
import { optionsFor, shapeKey, type Hooks } from './uplot'

interface PlotInput {
  element: Ref<HTMLElement | undefined>
  width: Ref<number>
  height: Ref<number>
  chart: Ref<DrawnChart>
  settings: Ref<ChartSettings>
  zoom: Ref<Range | undefined>
  /** What is in sight without a zoom; else what the points span. */
  span: Ref<Range | undefined>
  syncKey: string
  hooks: Omit<Hooks, 'onScale'>
}

/** A single point in time stands in the middle of a minute. */
const SECONDS_BESIDE_ONE = 30

/**
 * Keeps one uPlot in step with its input. New points only change the data, at most once a
 * frame, and leave a zoom as it is; other lines or settings build the plot anew.
 */
export function usePlot(input: PlotInput) {
  const plot = shallowRef<uPlot>()
  const range = ref<Range>()
  let builtFor = ''
  let frame = 0

  function fullRange(): Range | undefined {
    if (input.span.value) return input.span.value
    const { xMin, xMax } = input.chart.value
    if (xMin === undefined || xMax === undefined) return undefined
    if (xMin === xMax) {
      const beside = input.settings.value.x === 'step' ? 0.5 : SECONDS_BESIDE_ONE
      return { min: xMin - beside, max: xMax + beside }
    }
    return { min: xMin, max: xMax }
  }

  function applyRange(u: uPlot): void {
    const wanted = input.zoom.value ?? fullRange()
    if (wanted) u.setScale('x', wanted)
  }

  function build(): void {
    plot.value?.destroy()
    plot.value = undefined
    const element = input.element.value
    if (!element || input.width.value < 40) return
    const shape = {
      settings: input.settings.value,
      chart: () => input.chart.value,
      syncKey: input.syncKey,
      width: input.width.value,
      height: input.height.value,
    }
    const hooks = { ...input.hooks, onScale: (next: Range | undefined) => (range.value = next) }
    const data = align(input.chart.value, shape.settings.smoothing > 0)
    const u = new uPlot(optionsFor(shape, hooks), data as uPlot.AlignedData, element)
    plot.value = u
    builtFor = keyNow()
    applyRange(u)
  }

  const keyNow = () => `${shapeKey(input.chart.value, input.settings.value)}|${theme.value}`

  function refresh(): void {
    frame = 0
    const u = plot.value
    if (!u || builtFor !== keyNow()) {
      build()
      return
    }
    u.batch(() => {
      const data = align(input.chart.value, input.settings.value.smoothing > 0)
      u.setData(data as uPlot.AlignedData, false)
      applyRange(u)
    })
  }

  function schedule(): void {
    if (frame === 0) frame = requestAnimationFrame(refresh)
  }

  watch([input.chart, input.settings, input.zoom, input.span, theme, input.element], schedule, {
    flush: 'post',
  })
  watch([input.width, input.height], ([width, height]) => {
    if (plot.value) plot.value.setSize({ width, height })
    else schedule()
  })
  onScopeDispose(() => {
    cancelAnimationFrame(frame)
    plot.value?.destroy()
  })

  return { plot, range }
}
