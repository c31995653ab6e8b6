/** What a program wrote, as a person sees it on a terminal. Pure; tested. */
import Anser from 'anser'

export interface Piece {
  text: string
  /** Classes for colour and weight. */
  style: string
}

/**
 * A progress bar is drawn over and over in one line: what came before the last return goes. A
 * return at the very end stays, the line may still be drawn over.
 */
export function foldReturns(text: string): string {
  return text
    .split('\n')
    .map((line) => {
      const body = line.replace(/\r+$/, '')
      return body.slice(body.lastIndexOf('\r') + 1)
    })
    .join('\n')
}

/** Pieces of one colour each; other escape sequences are left out. */
export function pieces(text: string): Piece[] {
  return Anser.ansiToJson(text, { use_classes: true, remove_empty: true }).map((piece) => ({
    text: piece.content,
    style: [piece.fg, ...piece.decorations].filter(Boolean).join(' '),
  }))
}
