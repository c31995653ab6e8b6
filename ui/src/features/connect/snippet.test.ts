import { describe, expect, it } from 'vitest'
import {
  environmentLines,
  MASK,
  masked,
  pyString,
  quickStart,
  runSnippet,
  trackingUri,
  withToken,
} from './snippet'

it('makes a run of an experiment, whatever its name holds', () => {
  expect(runSnippet('http://h:1', 'a "b"')).toContain('\nmlflow.set_experiment("a \\"b\\"")\n')
})

it('quotes what a shell would split', () => {
  expect(
    environmentLines({ MLFLOW_TRACKING_URI: 'http://127.0.0.1:5005', NAME: "it's here" }),
  ).toBe("export MLFLOW_TRACKING_URI=http://127.0.0.1:5005\nexport NAME='it'\\''s here'")
})

describe('quickStart', () => {
  it('is three lines with the address', () => {
    expect(quickStart('http://127.0.0.1:5005').split('\n')).toEqual([
      'import mlflow',
      'mlflow.set_tracking_uri("http://127.0.0.1:5005")',
      'mlflow.log_metric("loss", 0.5)',
    ])
  })
  it('puts the credential before mlflow is used', () => {
    const lines = withToken(quickStart('http://h:1'), 'bl_x').split('\n')
    expect(lines.slice(0, 3)).toEqual([
      'import os',
      'os.environ["MLFLOW_TRACKING_TOKEN"] = "bl_x"',
      'import mlflow',
    ])
  })
})

it('quotes what would end a Python string', () => {
  expect(pyString('a"b\\c')).toBe('"a\\"b\\\\c"')
})

it('masks every place of a secret, and nothing without one', () => {
  expect(masked('a=bl_1 b=bl_1', 'bl_1')).toBe(`a=${MASK} b=${MASK}`)
  expect(masked('text', undefined)).toBe('text')
  expect(masked('text', '')).toBe('text')
})

describe('trackingUri', () => {
  const server = 'http://127.0.0.1:5005'
  it("is the server's own word on this machine", () => {
    expect(trackingUri(server, { hostname: 'localhost', origin: 'http://localhost:5173' })).toBe(
      server,
    )
    expect(trackingUri(server, { hostname: '[::1]', origin: 'http://[::1]:5005' })).toBe(server)
  })
  it('is how the person came here from elsewhere, or before the server answered', () => {
    expect(trackingUri(server, { hostname: 'box.lan', origin: 'https://box.lan' })).toBe(
      'https://box.lan',
    )
    expect(trackingUri(undefined, { hostname: 'localhost', origin: 'http://localhost:1' })).toBe(
      'http://localhost:1',
    )
  })
})
