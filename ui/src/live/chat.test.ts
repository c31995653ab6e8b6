import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Chat } from './chat'
import type { SocketLike } from './socket'

class FakeSocket implements SocketLike {
  readyState = 0
  sent: string[] = []
  onopen: (() => void) | null = null
  onclose: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  send(text: string) {
    this.sent.push(text)
  }
  close() {
    this.readyState = 3
    this.onclose?.()
  }
  open() {
    this.readyState = 1
    this.onopen?.()
  }
  say(intent: string, by: string, message: string) {
    this.onmessage?.({ data: JSON.stringify({ scope: 'chat', intent, by, message }) })
  }
}

let sockets: FakeSocket[]
let here: string[]
let chat: Chat
const current = () => sockets.at(-1) as FakeSocket
const entered = (who: string) =>
  current().say('connection_status', who, `User #${who} has entered the chat.`)
const left = (who: string) =>
  current().say('connection_status', who, `User #${who} has left the chat.`)
const settle = () => vi.advanceTimersByTimeAsync(0)

beforeEach(() => {
  vi.useFakeTimers()
  sockets = []
  here = ['ada']
  chat = new Chat(
    () => {
      const socket = new FakeSocket()
      sockets.push(socket)
      return socket
    },
    () => Promise.resolve(here),
  )
  chat.connect()
  current().open()
})
afterEach(() => {
  vi.useRealTimers()
})

it('tells who comes and goes, but not of second windows', async () => {
  entered('ada')
  await settle()
  expect(chat.people.value).toEqual(['ada'])
  expect(chat.said.value).toEqual([])
  here = ['ada', 'bob']
  entered('bob')
  await settle()
  entered('bob')
  left('bob')
  await settle()
  here = ['ada']
  left('bob')
  await settle()
  expect(chat.said.value.map(({ by, text }) => `${by} ${text}`)).toEqual(['bob came', 'bob left'])
})

it('counts words until somebody looks', () => {
  current().say('user_message', 'bob', 'hello')
  current().say('user_message', 'bob', 'anybody?')
  expect(chat.unread.value).toBe(2)
  chat.look()
  expect(chat.unread.value).toBe(0)
  current().say('user_message', 'bob', '!')
  expect(chat.unread.value).toBe(1)
})

it('says only over an open socket, comes back, and forgets on leaving', async () => {
  expect(chat.say('hello')).toBe(true)
  expect(current().sent).toEqual(['hello'])
  current().say('user_message', 'ada', 'hello')
  current().close()
  expect(chat.say('lost?')).toBe(false)
  expect(chat.state.value).toBe('waiting')
  await vi.advanceTimersByTimeAsync(1000)
  current().open()
  expect(sockets).toHaveLength(2)
  expect(chat.said.value).toHaveLength(1)
  chat.disconnect()
  expect(chat.said.value).toEqual([])
  await vi.advanceTimersByTimeAsync(60_000)
  expect(sockets).toHaveLength(2)
})
