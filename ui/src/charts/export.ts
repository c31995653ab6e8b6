/** A chart as a file: CSV for numbers, SVG for papers, PNG for chats. */
import { formatCompact, formatDuration } from '@/lib/format'
import { cssColor, dashOf, SLOTS } from './palette'
import type { ChartSettings, DrawnChart, Line, Range, XMode } from './model'
import { clockTicks, logTicks, niceTicks, timeLabels } from './ticks'

const quote = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

export function toCsv(key: string, lines: readonly Line[]): string {
  const rows = ['run_id,run_name,metric,step,timestamp,value']
  for (const { id, name, data } of lines) {
    data?.steps.forEach((step, i) => {
      const time = new Date(data.timestamps[i] ?? 0).toISOString()
      rows.push([id, quote(name), quote(key), step, time, data.values[i]].join(','))
    })
  }
  return `${rows.join('\n')}\n`
}

const escape = (text: string) =>
  text.replace(
    /[<>&"]/g,
    (c) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' })[c] ?? c,
  )

/** Where labels stand below a chart, and what they say: as on the screen. */
function xLabels(mode: XMode, { min, max }: Range): [number, string][] {
  if (mode === 'step') return niceTicks(min, max, 7).map((value) => [value, formatCompact(value)])
  const zone = mode === 'wall' ? -60 * new Date(min * 1000).getTimezoneOffset() : 0
  const { ticks, every } = clockTicks(min, max, 7, zone)
  const labels =
    mode === 'wall' ? timeLabels(ticks, every) : ticks.map((value) => formatDuration(value * 1000))
  return ticks.map((value, i) => [value, labels[i] ?? ''])
}

interface Frame {
  title: string
  settings: ChartSettings
  x: Range
  y: Range
}

const WIDTH = 800
const HEIGHT = 420
const PAD = { left: 64, right: 20, top: 40, bottom: 64 }

/** The chart as it stands, zoom included, drawn anew as vectors in the current colours. */
export function toSvg(chart: DrawnChart, frame: Frame): string {
  const { x, y, settings } = frame
  const plotWidth = WIDTH - PAD.left - PAD.right
  const plotHeight = HEIGHT - PAD.top - PAD.bottom
  const scaleY = (v: number) => (settings.log ? Math.log10(v) : v)
  const yLow = scaleY(y.min)
  const ySpan = scaleY(y.max) - yLow || 1
  const px = (v: number) => PAD.left + ((v - x.min) / (x.max - x.min || 1)) * plotWidth
  const py = (v: number) => PAD.top + (1 - (scaleY(v) - yLow) / ySpan) * plotHeight
  const ink = cssColor('--text')
  const faint = cssColor('--text-3')

  const paths = chart.lines.map((line) => {
    const color = cssColor(`--series-${line.slot % SLOTS}`)
    const dash = dashOf(line.slot).join(' ')
    const draw = (values: readonly (number | null)[], style: string) =>
      `<path d="${pathOf(line.xs, values, px, py)}" fill="none" stroke="${color}" ${style}/>`
    const main = `stroke-width="1.6"${dash ? ` stroke-dasharray="${dash}"` : ''}`
    if (settings.smoothing <= 0) return draw(line.raw, main)
    return draw(line.raw, 'stroke-width="1" opacity="0.28"') + draw(line.smooth, main)
  })
  const ticks = (settings.log ? logTicks(y.min, y.max) : niceTicks(y.min, y.max, 5)).map(
    (value) => {
      const at = py(value).toFixed(1)
      return (
        `<path d="M${PAD.left} ${at}H${WIDTH - PAD.right}" stroke="${cssColor('--grid')}"/>` +
        `<text x="${PAD.left - 8}" y="${at}" dy="4" text-anchor="end">${formatCompact(value)}</text>`
      )
    },
  )
  const xTicks = xLabels(settings.x, x).map(([value, label]) => {
    const lines = label.split('\n').map((line, i) => {
      const top = HEIGHT - PAD.bottom + 18 + 13 * i
      return `<text x="${px(value).toFixed(1)}" y="${top}" text-anchor="middle">${line}</text>`
    })
    return lines.join('')
  })
  const legend = chart.lines.map((line, i) => {
    const left = PAD.left + (i % 4) * 180
    const top = HEIGHT - 26 + Math.floor(i / 4) * 16
    const color = cssColor(`--series-${line.slot % SLOTS}`)
    return `<path d="M${left} ${top - 4}h16" stroke="${color}" stroke-width="2"/><text x="${left + 22}" y="${top}">${escape(line.name)}</text>`
  })
  const height = HEIGHT + Math.max(0, Math.ceil(chart.lines.length / 4) - 1) * 16
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="Inter, system-ui, sans-serif" font-size="11" fill="${faint}">
<rect width="100%" height="100%" fill="${cssColor('--bg')}"/>
<text x="${PAD.left}" y="24" font-size="14" font-weight="600" fill="${ink}">${escape(frame.title)}</text>
${ticks.join('\n')}
${xTicks.join('\n')}
<clipPath id="plot"><rect x="${PAD.left}" y="${PAD.top}" width="${plotWidth}" height="${plotHeight}"/></clipPath>
<g clip-path="url(#plot)">
${paths.join('\n')}
</g>
${legend.join('\n')}
</svg>
`
}

function pathOf(
  xs: readonly number[],
  values: readonly (number | null)[],
  px: (v: number) => number,
  py: (v: number) => number,
): string {
  let path = ''
  let down = false
  xs.forEach((x, i) => {
    const value = values[i]
    if (value === null || value === undefined) {
      down = false
      return
    }
    path += `${down ? 'L' : 'M'}${px(x).toFixed(1)} ${py(value).toFixed(1)}`
    down = true
  })
  return path
}

/** Rasterises the same drawing at twice its size. */
export async function toPng(svg: string): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }))
  try {
    const image = new Image()
    image.src = url
    await image.decode()
    const canvas = document.createElement('canvas')
    canvas.width = image.naturalWidth * 2
    canvas.height = image.naturalHeight * 2
    const context = canvas.getContext('2d')
    if (!context) throw new Error('This window cannot draw images.')
    context.drawImage(image, 0, 0, canvas.width, canvas.height)
    return await new Promise((resolve, reject) => {
      canvas.toBlob(
        (blob) => (blob ? resolve(blob) : reject(new Error('The image could not be made.'))),
        'image/png',
      )
    })
  } finally {
    URL.revokeObjectURL(url)
  }
}
