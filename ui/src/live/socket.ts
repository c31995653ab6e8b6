/**
 * One WebSocket for the whole window. Subscriptions outlive the connection: after a
 * reconnect each is taken up again behind the last cursor it saw, and when the server
 * can no longer fill the gap it says `resync` and the subscriber reads anew.
 */
import { readonly, ref, type Ref } from 'vue'

export type LiveState = 'idle' | 'connecting' | 'open' | 'waiting'

export interface LiveMessage {
  kind: string
  data: unknown
}

export interface Subscriber {
  onMessage: (message: LiveMessage) => void
  /** The gap cannot be filled; read everything again. */
  onResync: () => void
}

interface Subscription extends Subscriber {
  id: string
  topic: string
  cursor: string | undefined
  /** Whether the server ever confirmed it; a gap before that has to be read anew. */
  confirmed: boolean
}

interface Incoming {
  id?: string
  cursor?: string
  kind?: string
  data?: unknown
  resync?: boolean
}

export interface SocketLike {
  readyState: number
  send: (text: string) => void
  close: () => void
  onopen: (() => void) | null
  onclose: (() => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
}

const OPEN = 1
const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 8_000

/** Doubles with each failure, with jitter so that many windows do not knock at once. */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  const base = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 10))
  return Math.round(base * (0.75 + random() * 0.5))
}

/** Cursors are `<epoch>:<sequence>`; another epoch always wins, for the old one is gone. */
function isNewer(cursor: string, than: string | undefined): boolean {
  if (!than) return true
  const [epoch, sequence] = cursor.split(':')
  const [oldEpoch, oldSequence] = than.split(':')
  return epoch !== oldEpoch || Number(sequence) > Number(oldSequence)
}

export class LiveSocket {
  readonly #open: () => SocketLike
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #state = ref<LiveState>('idle')
  #socket: SocketLike | undefined
  #failures = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #nextId = 1
  #latest: string | undefined

  constructor(open: () => SocketLike) {
    this.#open = open
  }

  get state(): Readonly<Ref<LiveState>> {
    return readonly(this.#state)
  }

  /** The newest cursor that this window has seen anywhere. */
  get latest(): string | undefined {
    return this.#latest
  }

  /** Tells of a cursor that came with an ordinary answer. */
  sawCursor(cursor: string): void {
    if (isNewer(cursor, this.#latest)) this.#latest = cursor
  }

  connect(): void {
    if (this.#socket) return
    clearTimeout(this.#timer)
    this.#state.value = 'connecting'
    const socket = this.#open()
    this.#socket = socket
    socket.onopen = () => {
      this.#failures = 0
      this.#state.value = 'open'
      for (const subscription of this.#subscriptions.values()) this.#announce(subscription)
    }
    socket.onmessage = (event) => {
      if (typeof event.data === 'string') this.#receive(event.data)
    }
    socket.onclose = () => {
      if (this.#socket !== socket) return
      this.#socket = undefined
      this.#state.value = 'waiting'
      this.#timer = setTimeout(() => this.connect(), backoffMs(this.#failures++))
    }
  }

  /** Tries at once instead of waiting for the next attempt. */
  retryNow(): void {
    if (this.#state.value !== 'waiting') return
    this.#failures = 0
    this.connect()
  }

  disconnect(): void {
    clearTimeout(this.#timer)
    const socket = this.#socket
    this.#socket = undefined
    this.#state.value = 'idle'
    socket?.close()
  }

  /**
   * Listens to a topic behind `after`. What was read before the server confirms would
   * otherwise miss the changes in between, so the default is the newest cursor known.
   */
  subscribe(topic: string, subscriber: Subscriber, after = this.#latest): () => void {
    const id = String(this.#nextId++)
    const subscription: Subscription = {
      ...subscriber,
      id,
      topic,
      cursor: after,
      confirmed: false,
    }
    this.#subscriptions.set(id, subscription)
    this.#announce(subscription)
    return () => {
      this.#subscriptions.delete(id)
      this.#send({ op: 'unsubscribe', id })
    }
  }

  #announce({ id, topic, cursor }: Subscription): void {
    this.#send({ op: 'subscribe', id, topic, ...(cursor ? { after: cursor } : {}) })
  }

  #send(message: object): void {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(message))
  }

  #receive(text: string): void {
    const message = JSON.parse(text) as Incoming
    const subscription = message.id === undefined ? undefined : this.#subscriptions.get(message.id)
    if (!subscription) return
    const lostBefore = subscription.confirmed
    if (message.cursor) {
      subscription.cursor = message.cursor
      this.sawCursor(message.cursor)
    }
    subscription.confirmed = true
    if (message.resync) {
      subscription.onResync()
    } else if (message.kind === 'subscribed') {
      // A second confirmation without a cursor to resume from: whatever happened is unknown.
      if (lostBefore && !message.cursor) subscription.onResync()
    } else if (message.kind) {
      subscription.onMessage({ kind: message.kind, data: message.data })
    }
  }
}
