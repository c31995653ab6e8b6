import {
  Activity,
  Bell,
  BookOpen,
  Box,
  Braces,
  CalendarClock,
  ChartLine,
  CirclePlay,
  FolderCode,
  Gauge,
  House,
  Keyboard,
  LogOut,
  MessageSquareText,
  Monitor,
  Moon,
  NotebookPen,
  Plug,
  Plus,
  Settings,
  SquareTerminal,
  Sun,
  Trash2,
} from '@lucide/vue'
import { refDebounced } from '@vueuse/core'
import { computed, ref, shallowRef, watch, type Component, type Ref } from 'vue'
import { useRouter, type RouteLocationRaw } from 'vue-router'
import * as api from '@/api/calls'
import type { SearchMatch, SearchResult } from '@/api/types'
import { openExternal } from '@/host'
import { signOut } from '@/composables/session'
import { themeChoice } from '@/composables/theme'
import { attempt } from '@/composables/toasts'
import { leave, mayOpen } from '@/router'
import { fuzzyScore } from '@/lib/fuzzy'
import { connectOpen, shortcutsOpen } from './panels'

export interface Entry {
  id: string
  kind: SearchResult['kind'] | 'command'
  group: string
  title: string
  subtitle: string
  /** The title, cut at the words that were looked for. */
  titleParts?: SearchMatch['parts']
  /** Another place that holds them. */
  match?: SearchMatch
  icon: Component
  shortcut?: string
  /** The page that a command leads to. */
  to?: string
  act: () => void
}

const ICONS = { experiment: ChartLine, run: CirclePlay, model: Box, prompt: MessageSquareText }
const GROUPS = { experiment: 'Experiments', run: 'Runs', model: 'Models', prompt: 'Prompts' }

function target(result: SearchResult): RouteLocationRaw {
  if (result.kind === 'experiment')
    return { name: 'experiment', params: { experimentId: result.id } }
  if (result.kind !== 'run') return { name: 'model', params: { name: result.id } }
  const experimentId = result.experiment_id ?? '-'
  return { name: 'run', params: { experimentId, runId: result.id } }
}

/** The name with its marks; else the first other place that tells why it was found. */
function marks(result: SearchResult): Pick<Entry, 'titleParts' | 'match'> {
  const name = result.matches.find(({ field }) => field === 'name')
  const match = result.matches.find(({ field }) => field !== 'name')
  return {
    ...(name ? { titleParts: name.parts } : {}),
    ...(match ? { match } : {}),
  }
}

/** What the palette offers: what the server finds, and commands. */
export function usePalette(open: Ref<boolean>) {
  const router = useRouter()
  const text = ref('')
  const wanted = refDebounced(text, 90)
  const results = shallowRef<SearchResult[]>([])
  const searching = ref(false)
  const at = ref(0)

  watch(open, () => {
    text.value = ''
    results.value = []
    at.value = 0
  })
  watch([wanted, open], async ([q, isOpen], _, onCleanup) => {
    const abort = new AbortController()
    onCleanup(() => abort.abort())
    if (!isOpen) return
    searching.value = true
    try {
      const answer = await api.search(q.trim(), abort.signal)
      results.value = answer.results
    } catch {
      // Commands still work; the status bar says when the server is away.
      if (!abort.signal.aborted) results.value = []
    } finally {
      if (!abort.signal.aborted) searching.value = false
    }
  })

  const go = (to: RouteLocationRaw) => () => void router.push(to)
  const docs = (path: string) => () => openExternal(new URL(path, location.origin).toString())
  const command = (title: string, icon: Component, act: () => void, shortcut?: string): Entry => ({
    id: `command ${title}`,
    kind: 'command',
    group: 'Commands',
    subtitle: '',
    title,
    icon,
    act,
    ...(shortcut ? { shortcut } : {}),
  })
  const page = (title: string, icon: Component, to: string, shortcut?: string): Entry => ({
    ...command(`Go to ${title}`, icon, go(to), shortcut),
    to,
  })
  const commands: Entry[] = [
    page('Home', House, '/', 'g h'),
    page('Experiments', ChartLine, '/experiments', 'g e'),
    page('All runs', CirclePlay, '/runs', 'g r'),
    page('Models', Box, '/models', 'g m'),
    page('Prompts', MessageSquareText, '/prompts'),
    page('Jobs', SquareTerminal, '/jobs', 'g j'),
    page('Schedules', CalendarClock, '/jobs/schedules'),
    page('Monitor', Gauge, '/jobs/monitor'),
    page('Activity', Activity, '/activity', 'g a'),
    page('Projects', FolderCode, '/projects', 'g p'),
    page('Items', NotebookPen, '/items', 'g i'),
    page('Trash', Trash2, '/trash', 'g t'),
    page('Settings', Settings, '/settings', 'g s'),
    command('Rules: what to be told of', Bell, go('/settings/rules')),
    command('New experiment', Plus, go({ name: 'experiments', query: { new: '1' } })),
    command('New registered model', Plus, go({ name: 'models', query: { new: '1' } })),
    command('Deleted experiments', Trash2, go({ name: 'experiments', query: { view: 'deleted' } })),
    command('Connect training code', Plug, () => (connectOpen.value = true)),
    command('Try the API', Braces, docs('/docs')),
    command('API reference', BookOpen, docs('/redoc')),
    command('Light theme', Sun, () => (themeChoice.value = 'light')),
    command('Dark theme', Moon, () => (themeChoice.value = 'dark')),
    command('Theme of the system', Monitor, () => (themeChoice.value = 'system')),
    command('Keyboard shortcuts', Keyboard, () => (shortcutsOpen.value = true), '?'),
    command('Sign out', LogOut, () => {
      void attempt('Could not sign out', async () => {
        await signOut()
        leave()
      })
    }),
  ]

  const entries = computed<Entry[]>(() => {
    const found = results.value.map<Entry>((result) => ({
      id: `${result.kind} ${result.id}`,
      kind: result.kind,
      group: GROUPS[result.kind],
      title: result.title,
      subtitle: result.subtitle ?? '',
      icon: ICONS[result.kind],
      act: go(target(result)),
      ...marks(result),
    }))
    const q = text.value.trim()
    const matching = commands
      .filter(({ to }) => to === undefined || mayOpen(router.resolve(to).meta))
      .map((entry) => ({ entry, score: fuzzyScore(entry.title, q) }))
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score)
      .map(({ entry }) => entry)
    const byKind = (['experiment', 'run', 'model', 'prompt'] as const).flatMap((kind) =>
      found.filter((entry) => entry.kind === kind),
    )
    return q ? [...byKind, ...matching] : [...matching, ...byKind]
  })
  watch(entries, (list) => {
    if (at.value >= list.length) at.value = 0
  })
  watch(text, () => (at.value = 0))

  return {
    text,
    entries,
    at,
    searching,
    move(by: number) {
      const { length } = entries.value
      if (length) at.value = (at.value + by + length) % length
    },
    run(entry: Entry | undefined) {
      if (!entry) return
      open.value = false
      entry.act()
    },
  }
}
