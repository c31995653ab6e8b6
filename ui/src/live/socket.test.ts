import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { backoffMs, LiveSocket, type SocketLike } from './socket'

class FakeSocket implements SocketLike {
  readyState = 0
  sent: Record<string, unknown>[] = []
  onopen: (() => void) | null = null
  onclose: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  send(text: string) {
    this.sent.push(JSON.parse(text) as Record<string, unknown>)
  }
  close() {
    this.readyState = 3
    this.onclose?.()
  }
  open() {
    this.readyState = 1
    this.onopen?.()
  }
  say(message: object) {
    this.onmessage?.({ data: JSON.stringify(message) })
  }
}

describe('LiveSocket', () => {
  let sockets: FakeSocket[]
  let live: LiveSocket
  const current = () => sockets.at(-1) as FakeSocket

  beforeEach(() => {
    vi.useFakeTimers()
    sockets = []
    live = new LiveSocket(() => {
      const socket = new FakeSocket()
      sockets.push(socket)
      return socket
    })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('announces subscriptions once open and hands messages to the right one', () => {
    const seen: string[] = []
    live.subscribe('models', { onMessage: (m) => seen.push(m.kind), onResync: () => undefined })
    live.connect()
    expect(current().sent).toEqual([])
    current().open()
    expect(current().sent).toEqual([{ op: 'subscribe', id: '1', topic: 'models' }])
    current().say({ id: '1', kind: 'subscribed', cursor: 'e:4' })
    current().say({ id: '1', kind: 'changed', cursor: 'e:5', data: {} })
    current().say({ id: '9', kind: 'changed', cursor: 'e:6', data: {} })
    expect(seen).toEqual(['changed'])
  })

  it('comes back behind the last cursor it saw', () => {
    live.connect()
    current().open()
    live.subscribe('run/1', { onMessage: () => undefined, onResync: () => undefined })
    current().say({ id: '1', kind: 'changed', cursor: 'e:7', data: {} })
    current().close()
    expect(live.state.value).toBe('waiting')
    vi.runOnlyPendingTimers()
    expect(sockets).toHaveLength(2)
    current().open()
    expect(current().sent).toEqual([{ op: 'subscribe', id: '1', topic: 'run/1', after: 'e:7' }])
  })

  it('begins a subscription behind what the window has read already', () => {
    live.sawCursor('e:9')
    live.sawCursor('e:3')
    live.connect()
    current().open()
    live.subscribe('models', { onMessage: () => undefined, onResync: () => undefined })
    expect(current().sent[0]).toMatchObject({ after: 'e:9' })
  })

  it('passes a resync on', () => {
    const onResync = vi.fn()
    live.connect()
    current().open()
    live.subscribe('run/1', { onMessage: () => undefined, onResync })
    current().say({ id: '1', resync: true, cursor: 'f:1' })
    expect(onResync).toHaveBeenCalledOnce()
  })

  it('stays closed once told to', () => {
    live.connect()
    current().open()
    live.disconnect()
    vi.runAllTimers()
    expect(sockets).toHaveLength(1)
    expect(live.state.value).toBe('idle')
  })
})

describe('backoffMs', () => {
  it('grows to a limit', () => {
    const middle = () => 0.5
    expect(backoffMs(0, middle)).toBe(250)
    expect(backoffMs(3, middle)).toBe(2000)
    expect(backoffMs(50, middle)).toBe(8000)
  })
})
