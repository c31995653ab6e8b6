import { expect, it } from 'vitest'
import { changesOf, warningOf } from './network'

it('sends only what differs, and nothing of an emptied field', () => {
  const before = [
    { name: 'server.host', value: '127.0.0.1' },
    { name: 'server.port', value: '5006' },
    { name: 'server.allowed_hosts', value: '' },
  ]
  expect(
    changesOf(before, {
      'server.host': '127.0.0.1',
      'server.port': ' ',
      'server.allowed_hosts': 'a ',
    }),
  ).toEqual({
    'server.port': null,
    'server.allowed_hosts': 'a',
  })
})

it('warns of a network without TLS', () => {
  expect(warningOf({ 'server.host': '127.0.0.1' })).toBeUndefined()
  expect(warningOf({ 'server.host': '0.0.0.0' })).toMatch(/readable/)
  expect(warningOf({ 'server.host': '0.0.0.0', 'server.tls_certificate': 'a' })).toMatch(/readable/)
  expect(
    warningOf({ 'server.host': '0.0.0.0', 'server.tls_certificate': 'a', 'server.tls_key': 'b' }),
  ).toBeUndefined()
})
