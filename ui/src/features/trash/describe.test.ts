import { describe, expect, it } from 'vitest'
import { describeGone, whatStays } from './describe'

const none = {
  dry_run: true,
  experiments: 0,
  runs: 0,
  logged_models: 0,
  database_bytes: 0,
  artifact_bytes: 0,
  versions: 0,
  kept: 0,
  elsewhere: 0,
}

describe('what a deletion takes', () => {
  it('is named with its bytes', () => {
    const text = describeGone({
      ...none,
      experiments: 1,
      runs: 2,
      database_bytes: 1000,
      artifact_bytes: 5,
    })
    expect(text).toContain('1 experiment and 2 runs with')
    expect(text).toContain('of files')
    expect(describeGone({ ...none, runs: 1, versions: 2 })).toContain('2 registered versions')
  })
  it('says what stays', () => {
    expect(whatStays(none)).toBe('')
    expect(whatStays({ ...none, kept: 1 })).toContain('1 thing that registered versions')
    expect(whatStays({ ...none, elsewhere: 3 })).toContain('3 things')
  })
})
