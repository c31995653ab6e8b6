import { ChartLine, FileImage, FileSpreadsheet, Image, Table } from '@lucide/vue'
import type uPlot from 'uplot'
import type { Ref } from 'vue'
import { attempt, toastDone } from '@/composables/toasts'
import { saveBlob } from '@/host'
import { fileName } from '@/lib/format'
import type { MenuItems } from '@/ui/menu'
import { toCsv, toPng, toSvg } from './export'
import type { ChartSettings, DrawnChart, Line } from './model'

interface Source {
  metricKey: string
  lines: Line[]
  settings: ChartSettings
}

/** Downloads of one chart, as its menu offers them. */
export function useChartFiles(
  source: Source,
  chart: Ref<DrawnChart>,
  plot: Ref<uPlot | undefined>,
) {
  function svg(): string {
    const scale = (name: 'x' | 'y', low: number, high: number) => {
      const { min, max } = plot.value?.scales[name] ?? {}
      return { min: min ?? low, max: max ?? high }
    }
    const x = scale('x', chart.value.xMin ?? 0, chart.value.xMax ?? 1)
    const frame = { title: source.metricKey, settings: source.settings, x, y: scale('y', 0, 1) }
    return toSvg(chart.value, frame)
  }

  async function save(extension: string, make: () => Blob | Promise<Blob>): Promise<void> {
    await attempt('The chart could not be saved', async () => {
      const path = await saveBlob(await make(), fileName(source.metricKey, extension))
      if (path) toastDone('Chart saved', path)
    })
  }

  const csv = () => new Blob([toCsv(source.metricKey, source.lines)], { type: 'text/csv' })
  const vector = () => new Blob([svg()], { type: 'image/svg+xml' })

  function menuWith(asTable: Ref<boolean>): MenuItems {
    return [
      {
        label: asTable.value ? 'Show as chart' : 'Show as table',
        icon: asTable.value ? ChartLine : Table,
        testid: 'chart-as-table',
        act: () => (asTable.value = !asTable.value),
      },
      null,
      {
        label: 'Download CSV',
        icon: FileSpreadsheet,
        testid: 'chart-csv',
        act: () => void save('csv', csv),
      },
      {
        label: 'Download PNG',
        icon: Image,
        testid: 'chart-png',
        act: () => void save('png', () => toPng(svg())),
      },
      {
        label: 'Download SVG',
        icon: FileImage,
        testid: 'chart-svg',
        act: () => void save('svg', vector),
      },
    ]
  }

  return { menuWith }
}
