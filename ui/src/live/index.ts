import { onScopeDispose, toValue, watch, type MaybeRefOrGetter } from 'vue'
import { peopleHere } from '@/api/calls'
import { Chat } from './chat'
import { LiveSocket, type LiveMessage, type SocketLike } from './socket'

/** The close code of a credential that does not hold, or no longer does. */
const REFUSED = 4401
const refused = new Set<() => void>()

function openSocket(path: string): SocketLike {
  const url = new URL(path, location.origin)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(url)
  socket.addEventListener('close', ({ code }) => {
    if (code === REFUSED) for (const listener of refused) listener()
  })
  return socket as unknown as SocketLike
}

/** Told when the server no longer takes our credential on the live connection. */
export function onRefused(listener: () => void): void {
  refused.add(listener)
}

/** The window's one connection; started once someone is signed in. */
export const live = new LiveSocket(() => openSocket('/api/v1/events'))

/** Those who have the window open, and what they say. */
export const chat = new Chat(
  () => openSocket('/api/live'),
  async () => (await peopleHere()).people,
)

if (typeof window !== 'undefined') window.addEventListener('online', () => live.retryNow())

export interface TopicHandlers {
  onMessage: (message: LiveMessage, topic: string) => void
  /** Called when messages may have been missed. */
  onResync: (topic: string) => void
}

/** Listens to a changing set of topics for as long as the component lives. */
export function useTopics(
  topics: MaybeRefOrGetter<readonly string[]>,
  handlers: TopicHandlers,
): void {
  const active = new Map<string, () => void>()

  function follow(wanted: readonly string[]): void {
    const set = new Set(wanted)
    for (const [topic, stop] of active) {
      if (set.has(topic)) continue
      stop()
      active.delete(topic)
    }
    for (const topic of set) {
      if (active.has(topic)) continue
      const stop = live.subscribe(topic, {
        onMessage: (message) => handlers.onMessage(message, topic),
        onResync: () => handlers.onResync(topic),
      })
      active.set(topic, stop)
    }
  }

  watch(() => [...toValue(topics)], follow, { immediate: true })
  onScopeDispose(() => {
    for (const stop of active.values()) stop()
    active.clear()
  })
}
