import {
  createRouter,
  createWebHashHistory,
  type RouteLocationNormalized,
  type RouteMeta,
} from 'vue-router'
import { me } from './api/calls'
import { queryClient } from './api/query'
import { dropUnsaved, loadPreferences } from './composables/preferences'
import { ensureSession, onSessionLost, user } from './composables/session'
import { chat, live, onRefused } from './live'

declare module 'vue-router' {
  interface RouteMeta {
    /** Shown without a session. */
    open?: boolean
    title?: string
    /** Why superusers only may see it. Others are told, and not led here. */
    superusers?: string
  }
}

const FOR_JOBS =
  'Jobs run as the person who started Branchline, so only superusers queue and watch them. The runs that they log are under Experiments, as any.'
const FOR_PROJECTS =
  'The code of a project runs as the person who started Branchline, so only superusers open and run one.'

/**
 * Addresses are those that the mlflow client prints (`/#/experiments/1/runs/<id>`), so that
 * a link in a terminal opens the right page.
 */
export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    {
      path: '/',
      name: 'home',
      component: () => import('./features/home/HomePage.vue'),
      meta: { title: 'Home' },
    },
    {
      path: '/signin',
      name: 'signin',
      component: () => import('./features/signin/SignInPage.vue'),
      meta: { open: true, title: 'Sign in' },
    },
    {
      path: '/recover-password',
      name: 'recover',
      component: () => import('./features/signin/RecoverPage.vue'),
      meta: { open: true, title: 'Recover password' },
    },
    {
      path: '/reset-password',
      name: 'reset',
      component: () => import('./features/signin/ResetPage.vue'),
      meta: { open: true, title: 'Reset password' },
    },
    {
      path: '/experiments',
      name: 'experiments',
      component: () => import('./features/experiments/ExperimentsPage.vue'),
      meta: { title: 'Experiments' },
    },
    {
      path: '/experiments/:experimentId',
      name: 'experiment',
      component: () => import('./features/experiment/ExperimentPage.vue'),
    },
    {
      path: '/experiments/:experimentId/traces',
      name: 'traces',
      component: () => import('./features/traces/TracesPage.vue'),
      // As the mlflow client prints the link to a trace.
      beforeEnter: ({ params, query }) =>
        typeof query.selectedEvaluationId === 'string'
          ? { name: 'traces', params, query: { trace: query.selectedEvaluationId } }
          : true,
    },
    {
      path: '/experiments/:experimentId/runs/:runId/:tab?',
      name: 'run',
      component: () => import('./features/run/RunPage.vue'),
    },
    {
      path: '/runs/:runId',
      redirect: (to) => ({ name: 'run', params: { experimentId: '-', runId: to.params.runId } }),
    },
    {
      path: '/runs',
      name: 'runs',
      component: () => import('./features/experiment/AllRunsPage.vue'),
      meta: { title: 'All runs' },
    },
    {
      path: '/jobs',
      name: 'jobs',
      component: () => import('./features/jobs/JobsPage.vue'),
      meta: { title: 'Jobs', superusers: FOR_JOBS },
    },
    {
      path: '/projects/:projectId?',
      name: 'projects',
      component: () => import('./features/projects/ProjectsPage.vue'),
      meta: { title: 'Projects', superusers: FOR_PROJECTS },
    },
    {
      path: '/jobs/monitor',
      name: 'monitor',
      component: () => import('./features/jobs/MonitorPage.vue'),
      meta: { title: 'Monitor', superusers: FOR_JOBS },
    },
    {
      path: '/jobs/schedules',
      name: 'schedules',
      component: () => import('./features/schedules/SchedulesPage.vue'),
      meta: { title: 'Schedules', superusers: FOR_JOBS },
    },
    {
      path: '/activity',
      name: 'activity',
      component: () => import('./features/activity/ActivityPage.vue'),
      meta: { title: 'Activity' },
    },
    {
      path: '/items',
      name: 'items',
      component: () => import('./features/items/ItemsPage.vue'),
      meta: { title: 'Items' },
    },
    {
      path: '/trash',
      name: 'trash',
      component: () => import('./features/trash/TrashPage.vue'),
      meta: { title: 'Trash' },
    },
    {
      path: '/models',
      name: 'models',
      component: () => import('./features/models/ModelsPage.vue'),
      props: { what: 'models' },
      meta: { title: 'Models' },
    },
    {
      path: '/prompts',
      name: 'prompts',
      component: () => import('./features/models/ModelsPage.vue'),
      props: { what: 'prompts' },
      meta: { title: 'Prompts' },
    },
    {
      // A prompt is a registered model; its address in MLflow's own interface leads to it, too.
      path: '/prompts/:name',
      redirect: (to) => ({ name: 'model', params: { name: to.params.name } }),
    },
    {
      path: '/models/:name',
      name: 'model',
      component: () => import('./features/models/ModelPage.vue'),
    },
    {
      path: '/models/:name/versions/:version',
      name: 'version',
      redirect: (to) => ({
        name: 'model',
        params: { name: to.params.name },
        query: { v: to.params.version as string },
      }),
    },
    {
      path: '/settings/:section?',
      name: 'settings',
      component: () => import('./features/settings/SettingsPage.vue'),
      meta: { title: 'Settings' },
    },
    {
      path: '/:rest(.*)*',
      name: 'missing',
      component: () => import('./features/MissingPage.vue'),
      meta: { title: 'Not found' },
    },
  ],
})

/** Whether a page is shown to who is signed in. */
export const mayOpen = ({ superusers }: RouteMeta): boolean =>
  !superusers || user.value?.is_superuser !== false

function toSignIn(from: RouteLocationNormalized) {
  const next = from.fullPath === '/' ? {} : { next: from.fullPath }
  return { name: 'signin', query: next }
}

let started = false

/** Once per session: the socket and what the person likes. */
async function start(): Promise<void> {
  if (started) return
  started = true
  live.connect()
  chat.connect()
  await loadPreferences().catch(() => undefined)
}

/** The server also prints its link as `/?signin=<secret>`; it never stays in the address bar. */
function secretOutsideHash(): string | undefined {
  const url = new URL(location.href)
  const secret = url.searchParams.get('signin')
  if (!secret) return undefined
  url.searchParams.delete('signin')
  history.replaceState(history.state, '', url)
  return secret
}

router.beforeEach(async (to) => {
  const secret = secretOutsideHash()
  if (secret) return { name: 'signin', query: { secret }, replace: true }
  if (to.meta.open) return true
  try {
    if ((await ensureSession()) === 'out') {
      dropUnsaved()
      return toSignIn(to)
    }
  } catch {
    // Unreachable: the page itself says so and tries again.
    return true
  }
  await start()
  return true
})

router.afterEach((to) => {
  if (to.meta.title) document.title = `${to.meta.title} · Branchline`
})

onSessionLost(() => leave())
// An ordinary call finds out whether the session is over; its 401 leads to the sign-in page.
onRefused(() => void me().catch(() => undefined))

/** To the sign-in page; nothing that was read stays in memory. */
export function leave(): void {
  started = false
  dropUnsaved()
  live.disconnect()
  chat.disconnect()
  queryClient.clear()
  const here = router.currentRoute.value
  if (here.name !== 'signin') void router.replace(toSignIn(here))
}
