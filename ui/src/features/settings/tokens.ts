import type { Token } from '@/api/types'

/** The job whose process a token was made for: the server names it after the job. */
export function jobOf(token: Pick<Token, 'name' | 'scope'>): string | undefined {
  return token.scope === 'log' ? /^job (\S+)$/.exec(token.name)?.[1] : undefined
}

/** A person's own tokens, and those that jobs of theirs hold while they run. */
export function apart(tokens: readonly Token[]): { own: Token[]; ofJobs: Token[] } {
  return {
    own: tokens.filter((token) => !jobOf(token)),
    ofJobs: tokens.filter((token) => jobOf(token)),
  }
}
