// Starts the real `branchline` on a folder of its own, and a real Chromium to look at it.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { chromium } from 'playwright-core'

const root = resolve(import.meta.dirname, '../..')
const binary = process.env.BRANCHLINE_BIN ?? join(root, 'target/debug/branchline')

/**
 * A running server: its address, a single-use sign-in link, and MLflow's API with a token.
 * One whose `owner` (`{email, password}`) is named from the start has no link. `env` adds variables.
 */
export async function startServer({ args = [], owner, env: more = {} } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-browser-'))
  const env = {
    ...process.env,
    HOME: folder,
    BRANCHLINE_DATA_DIR: join(folder, 'data'),
    BRANCHLINE_KEYRING: 'false',
    ...more,
    ...(owner && { FIRST_SUPERUSER: owner.email, FIRST_SUPERUSER_PASSWORD: owner.password }),
  }
  const child = spawn(binary, ['serve', '--port', '0', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const words = createInterface({ input: child.stderr })
  const link = new Promise((found) => {
    words.on('line', (line) => {
      const match = line.match(/https?:\S+#\/signin\?secret=\S+/)
      if (match) found(match[0])
    })
  })
  const [url] = await once(createInterface({ input: child.stdout }), 'line')
  const token = await output(['connect', '--json'], env)
  return {
    url,
    link: owner ? undefined : await link,
    token: JSON.parse(token).token,
    api: mlflowApi(url, JSON.parse(token).token),
    async stop() {
      child.kill('SIGTERM')
      await once(child, 'exit')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function output(args, env) {
  const child = spawn(binary, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (part) => (text += part))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`branchline ${args.join(' ')} ended with ${code}`)
  return text
}

/** What a training script says, as MLflow's client says it. */
function mlflowApi(url, token) {
  const authorization = `Bearer ${token}`
  const post = async (path, body) => {
    const answer = await fetch(`${url}/api/2.0/mlflow/${path}`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }
  return {
    post,
    experiment: async (name) => (await post('experiments/create', { name })).experiment_id,
    run: async (experiment_id, run_name, start_time = Date.now()) =>
      (await post('runs/create', { experiment_id, run_name, start_time })).run.info.run_id,
    points: (run_id, key, from, to) =>
      post('runs/log-batch', {
        run_id,
        metrics: Array.from({ length: to - from }, (_, i) => ({
          key,
          value: 1 / (from + i + 1),
          step: from + i,
          timestamp: 1_700_000_000_000 + (from + i) * 1000,
        })),
      }),
    param: (run_id, key, value) => post('runs/log-parameter', { run_id, key, value }),
    finish: (run_id) => post('runs/update', { run_id, status: 'FINISHED', end_time: Date.now() }),
    /** A trace of two spans whose second failed, as an OpenTelemetry exporter sends it. */
    async trace(experiment_id, question) {
      const traceId = randomBytes(16).toString('hex')
      const at = (ms) => String((1_764_000_000_000 + ms) * 1e6)
      const text = (key, value) => ({ key, value: { stringValue: JSON.stringify(value) } })
      const root = { traceId, spanId: '00000000000000aa', name: 'ask', startTimeUnixNano: at(0), endTimeUnixNano: at(90), status: { code: 2 }, attributes: [text('mlflow.spanInputs', { question })] }
      const child = { traceId, spanId: '00000000000000bb', parentSpanId: root.spanId, name: 'lookup', startTimeUnixNano: at(10), endTimeUnixNano: at(80), status: { code: 2, message: 'no such order' }, attributes: [text('mlflow.spanType', 'TOOL')] }
      const answer = await fetch(`${url}/v1/traces`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json', 'x-mlflow-experiment-id': experiment_id },
        body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [root, child] }] }] }),
      })
      if (!answer.ok) throw new Error(`traces: ${answer.status} ${await answer.text()}`)
      return `tr-${traceId}`
    },
    async artifact(experiment_id, run_id, path, body) {
      const place = `${experiment_id}/${run_id}/artifacts/${path}`
      const answer = await fetch(`${url}/api/2.0/mlflow-artifacts/artifacts/${place}`, {
        method: 'PUT',
        headers: { authorization },
        body,
      })
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    },
  }
}

export function startBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** Makes a person, as the owner `{email, password}` does. */
export async function addPerson(server, owner, person) {
  const body = new URLSearchParams({ username: owner.email, password: owner.password })
  const signedIn = await fetch(`${server.url}/api/v1/login/access-token`, { method: 'POST', body })
  const { access_token } = await signedIn.json()
  const made = await fetch(`${server.url}/api/v1/users/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify(person),
  })
  if (!made.ok) throw new Error(`users: ${made.status} ${await made.text()}`)
}

/** The window of a person, at a page; what it complains of is added to `complaints`. */
export async function windowOf({ server, browser, complaints }, { email, password }, route) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  const answer = await page.request.post(`${server.url}/api/v1/session`, {
    data: { email, password },
    headers: { origin: server.url },
  })
  if (!answer.ok()) throw new Error(`session: ${answer.status()}`)
  await page.goto(`${server.url}/#${route}`)
  return page
}

/** What a page breaks of WCAG AA, in both themes. */
export async function brokenRules(page) {
  const axe = await readFile(new URL('./node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
  const found = []
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme })
    await page.evaluate(axe)
    const tags = ['wcag2a', 'wcag2aa', 'wcag21aa']
    const { violations } = await page.evaluate((tags) => window.axe.run({ runOnly: tags }), tags)
    found.push(...violations.map((rule) => `${colorScheme} ${rule.id}: ${rule.nodes[0].html.slice(0, 160)}`))
  }
  return found
}

/** Waits until `read` answers what is expected; the last answer is in the failure. */
export async function until(read, expected, what) {
  const end = Date.now() + 15_000
  let last
  while (Date.now() < end) {
    last = await read()
    if (last === expected) return
    await new Promise((again) => setTimeout(again, 50))
  }
  throw new Error(`${what}: expected ${expected}, got ${last}`)
}
