/**
 * Who else has the window open, and what they say: the stack's `/api/live`. Nothing of it is
 * kept by the server; what came while this window was open is kept here.
 */
import { computed, ref, shallowRef } from 'vue'
import { backoffMs, type LiveState, type SocketLike } from './socket'

export interface Said {
  id: number
  /** Somebody's words, or that they came or went. */
  kind: 'words' | 'notice'
  by: string
  text: string
  at: number
}

interface Incoming {
  intent?: string
  by?: string
  message?: string
}

const OPEN = 1
const MOST_KEPT = 500

export class Chat {
  readonly said = shallowRef<Said[]>([])
  readonly people = shallowRef<string[]>([])
  readonly state = ref<LiveState>('idle')
  /** How many words came that nobody looked at. */
  readonly unread = computed(
    () =>
      this.said.value.filter(({ kind, id }) => kind === 'words' && id > this.#seen.value).length,
  )
  readonly #seen = ref(0)
  readonly #open: () => SocketLike
  readonly #whoIsHere: () => Promise<string[]>
  #socket: SocketLike | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #failures = 0
  #next = 1

  constructor(open: () => SocketLike, whoIsHere: () => Promise<string[]>) {
    this.#open = open
    this.#whoIsHere = whoIsHere
  }

  connect(): void {
    if (this.#socket) return
    clearTimeout(this.#timer)
    this.state.value = 'connecting'
    const socket = this.#open()
    this.#socket = socket
    socket.onopen = () => {
      this.#failures = 0
      this.state.value = 'open'
    }
    socket.onmessage = ({ data }) => {
      if (typeof data === 'string') this.#receive(JSON.parse(data) as Incoming)
    }
    socket.onclose = () => {
      if (this.#socket !== socket) return
      this.#socket = undefined
      this.state.value = 'waiting'
      this.people.value = []
      this.#timer = setTimeout(() => this.connect(), backoffMs(this.#failures++))
    }
  }

  /** Leaves, and forgets what was said: the next who signs in here is perhaps another. */
  disconnect(): void {
    clearTimeout(this.#timer)
    const socket = this.#socket
    this.#socket = undefined
    this.state.value = 'idle'
    this.said.value = []
    this.people.value = []
    socket?.close()
  }

  /** Answers whether it was sent. */
  say(text: string): boolean {
    if (this.#socket?.readyState !== OPEN) return false
    this.#socket.send(text)
    return true
  }

  /** Everything so far was looked at. */
  look(): void {
    this.#seen.value = this.#next - 1
  }

  #receive({ intent, by = '', message = '' }: Incoming): void {
    if (intent === 'user_message') {
      this.#keep('words', by, message)
    } else if (intent === 'connection_status') {
      void this.#meet(by, message.includes(' has entered '))
    }
  }

  /** A second window of somebody is no news. */
  async #meet(by: string, came: boolean): Promise<void> {
    const before = this.people.value
    const now = await this.#whoIsHere().catch(() => undefined)
    if (!now || this.state.value !== 'open') return
    this.people.value = now
    if (before.length === 0) return
    if (came && !before.includes(by)) this.#keep('notice', by, 'came')
    if (!came && !now.includes(by)) this.#keep('notice', by, 'left')
  }

  #keep(kind: Said['kind'], by: string, text: string): void {
    const said = { id: this.#next++, kind, by, text, at: Date.now() }
    this.said.value = [...this.said.value, said].slice(-MOST_KEPT)
  }
}
