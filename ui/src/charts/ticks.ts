/** Places for labels on an axis. */

/** For a logarithmic axis, also within one decade. */
export function logTicks(min: number, max: number): number[] {
  const decades = Math.log10(max) - Math.log10(min)
  const units = decades > 5 ? [1] : decades > 2 ? [1, 3] : decades > 0.8 ? [1, 2, 5] : undefined
  if (!units) {
    const step = 10 ** Math.floor(Math.log10(max - min)) / 2
    const count = Math.ceil((max - min) / step)
    const every = step * Math.max(1, Math.ceil(count / 5))
    return Array.from({ length: 12 }, (_, i) => (Math.ceil(min / every) + i) * every).filter(
      (value) => value <= max,
    )
  }
  const splits: number[] = []
  for (let power = Math.floor(Math.log10(min)); power <= Math.log10(max); power += 1) {
    for (const unit of units) {
      const value = Number((unit * 10 ** power).toPrecision(12))
      if (value >= min && value <= max) splits.push(value)
    }
  }
  return splits
}

/** Round numbers between two ends, about `count` of them. */
export function niceTicks(min: number, max: number, count: number): number[] {
  if (!(max > min)) return [min]
  const rough = (max - min) / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 2.5, 5].find((unit) => unit * power >= rough) ?? 10) * power
  const first = Math.ceil(min / step - 1e-9)
  const last = Math.floor(max / step + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  )
}
