/** Where one was in a list, across a reload of the window. */
export interface Place {
  scrollTop: number
  /** How many rows have to be there for that. */
  rows: number
}

const KEY = 'branchline.runs.place'
/** More than this is read page by page again. */
const MOST_ROWS = 5000

export function notePlace(list: string, place: Place): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ list, ...place }))
  } catch {
    // Without storage the list begins at its top.
  }
}

/** The place in this very list, once. */
export function takePlace(list: string): Place | undefined {
  try {
    const stored = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as
      (Place & { list: string }) | null
    sessionStorage.removeItem(KEY)
    if (stored?.list !== list || !(stored.scrollTop > 0)) return undefined
    return { scrollTop: stored.scrollTop, rows: Math.min(stored.rows, MOST_ROWS) }
  } catch {
    return undefined
  }
}
