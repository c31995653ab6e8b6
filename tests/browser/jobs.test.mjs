// Jobs, schedules, projects, sweeps and the monitor by keyboard alone; and what only these pages have.
import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { brokenRules, startBrowser, startServer, until } from './harness.mjs'

let server, browser, page, folder
const complaints = []
const id = (name) => `[data-testid="${name}"]`
const SMI = `#!/bin/sh
echo "0, GPU-aaaa, 35, 1024, 24576"
`

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-jobs-'))
  await writeFile(join(folder, 'nvidia-smi'), SMI)
  await chmod(join(folder, 'nvidia-smi'), 0o755)
  await writeFile(join(folder, 'tasks.py'), 'def add(a: int, b: int = 2) -> int: return a + b\n\ndef other(word: str) -> str: return word\n')
  const env = { BRANCHLINE_JOBS_GPU_SLOTS: '1', PATH: `${folder}:${process.env.PATH}` }
  server = await startServer({ env })
  browser = await startBrowser()
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  page = await context.newPage()
  page.setDefaultTimeout(15_000)
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  await page.goto(server.link)
  await page.waitForSelector(id('nav-experiments'))
})

after(async () => {
  await browser?.close()
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

const open = (route) => page.goto(`${server.url}/#${route}`)
const focused = () => page.evaluate(() => document.activeElement?.getAttribute('data-testid') ?? document.activeElement?.getAttribute('aria-label'))
/** A call of the API as the person who is signed in. */
async function call(method, path, body) {
  const [status, answer] = await page.evaluate(
    async ([method, path, body]) => {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) })
      return [answer.status, answer.status === 204 ? undefined : await answer.json()]
    },
    [method, path, body],
  )
  assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(answer)}`)
  return answer
}
/** Tabs until the element that has the focus answers to `name`. */
async function tabTo(name, key = 'Tab') {
  for (let steps = 0; steps < 60; steps++) {
    if ((await focused()) === name) return
    await page.keyboard.press(key)
  }
  throw new Error(`${name} is not reached by ${key}`)
}

test('f2 a header orders the jobs, again turns it, and the address keeps it', async () => {
  for (const word of ['a', 'b', 'c']) await call('POST', '/jobs', { task: 'app.worker.run_task', args: [word] })
  await call('POST', '/jobs', { task: 'branchline.noop', queue: 'another' })
  const late = await call('POST', '/jobs', { command: ['sleep', '0.3'] })
  await call('GET', `/jobs/${late.task_id}?wait=20`)
  await open('/jobs')
  const titles = () => page.locator(`${id('job-row')} [data-column="job"]`).allInnerTexts().then((all) => all.map((one) => one.trim()))
  await until(() => titles().then((all) => all[0]), 'sleep 0.3', 'the newest first')
  const header = (name) => page.locator(id(`job-sort-${name}`))
  assert.equal(await header('queued').getAttribute('aria-sort'), 'descending')
  await header('queue').locator('button').focus()
  await page.keyboard.press('Enter')
  await until(() => titles().then((all) => all[0]), 'branchline.noop', 'by queue')
  assert.equal(await header('queue').getAttribute('aria-sort'), 'ascending')
  await page.keyboard.press('Enter')
  await until(() => titles().then((all) => all.at(-1)), 'branchline.noop', 'the other way')
  await header('runtime').locator('button').click()
  await until(() => titles().then((all) => all[0]), 'sleep 0.3', 'the slowest first')
  assert.match(page.url(), /order=runtime/)
  await page.reload()
  await until(() => titles().then((all) => all[0]), 'sleep 0.3', 'after a reload')
  assert.equal(await header('runtime').getAttribute('aria-sort'), 'descending')
})

test('jobs by keyboard: down, open, close, and a new one', async () => {
  await open('/jobs')
  await page.waitForSelector(id('job-row'))
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  const second = await page.locator(id('job-row')).nth(1).getAttribute('data-job-id')
  await until(() => page.getAttribute(id('job-detail'), 'data-job-id'), second, 'the second')
  await page.keyboard.press('Escape')
  await until(() => page.locator(id('job-detail')).count(), 0, 'closed')
  await page.keyboard.press('n')
  await until(focused, 'job-command', 'the field has the focus')
  await page.keyboard.type('echo typed')
  await page.keyboard.press('Enter')
  await until(() => page.getAttribute(id('job-detail'), 'data-status'), 'SUCCESS', 'it ran')
})

test('the queues open below a button by keyboard, and none is cut at the narrowest', async () => {
  for (const queue of ['nightly-evaluation', 'ingest', 'sweeps-of-the-whole-team'])
    await call('POST', '/jobs', { command: ['true'], queue })
  await page.setViewportSize({ width: 900, height: 700 })
  await open('/jobs')
  await page.waitForSelector(id('job-row'))
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 900)
  await page.locator(id('job-row')).first().click()
  await page.waitForSelector(id('job-detail'))
  await page.locator(id('queues')).focus()
  await page.keyboard.press('Enter')
  const rows = page.getByRole('dialog', { name: 'Queues' }).locator(id('queue'))
  await until(() => rows.count().then((n) => n >= 3), true, 'all of them')
  const beyond = await rows.evaluateAll((all) => all.filter((row) => row.getBoundingClientRect().right > innerWidth).length)
  assert.equal(beyond, 0)
  assert.deepEqual(await brokenRules(page), [])
  await tabTo('How many jobs of ingest run at once')
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('Tab')
  const size = () => rows.filter({ hasText: 'ingest' }).locator('input').inputValue()
  await until(async () => (await call('GET', '/queues')).queues.find(({ name }) => name === 'ingest').concurrency, Number(await size()), 'as many at once')
  await page.keyboard.press('Enter')
  const told = () => page.getAttribute(id('queues'), 'title').then((text) => text.includes('1 queue paused'))
  await until(told, true, 'the button tells')
  await page.keyboard.press('Enter')
  await until(told, false, 'it goes on')
  await page.keyboard.press('Escape')
  await until(() => rows.count(), 0, 'closed')
  await until(focused, 'queues', 'the focus is back')
  assert.equal(await page.locator(id('job-detail')).count(), 1, 'the job stays open')
  await page.setViewportSize({ width: 1440, height: 900 })
})

test('f2 a view is saved under a name, shown again, and forgotten', async () => {
  await open('/jobs?filter=name:noop&order=queue+ASC')
  await until(() => page.locator(id('job-row')).count(), 1, 'filtered')
  await page.click(id('views'))
  const saved = page.waitForResponse((r) => r.url().endsWith('/preferences') && r.request().method() === 'PATCH')
  await page.fill(id('view-name'), 'idle ones')
  await page.keyboard.press('Enter')
  await saved
  await open('/jobs')
  await until(() => page.locator(id('job-row')).count().then((n) => n > 1), true, 'all of them')
  await page.reload()
  await page.click(id('views'))
  await page.click(`${id('view')}[data-name="idle ones"]`)
  await until(() => page.locator(id('job-row')).count(), 1, 'filtered again')
  assert.equal(await page.inputValue(id('jobs-filter')), 'name:noop')
  assert.equal(await page.locator(id('job-sort-queue')).getAttribute('aria-sort'), 'ascending')
  await page.click(id('views'))
  await page.click(id('view-forget'))
  await until(() => page.locator(id('view')).count(), 0, 'forgotten')
  await page.keyboard.press('Escape')
})

test('schedules by keyboard: new, walk, open, change, close', async () => {
  await open('/jobs/schedules')
  await page.waitForSelector(id('schedules-page'))
  for (const name of ['one', 'two']) {
    await page.keyboard.press('n')
    await page.waitForSelector(id('schedule-dialog'))
    await until(focused, 'schedule-name', 'the name has the focus')
    await page.keyboard.type(name)
    await tabTo('schedule-command')
    await page.keyboard.type('true')
    await page.keyboard.press('Enter')
    await page.waitForSelector(id('schedule-dialog'), { state: 'detached' })
    await page.waitForSelector(`${id('schedule-row')}[data-name="${name}"]`)
  }
  await page.keyboard.press('Escape')
  await until(() => page.locator(id('schedule-detail')).count(), 0, 'nothing is open')
  await page.keyboard.press('k')
  await page.keyboard.press('k')
  await page.keyboard.press('Enter')
  await until(() => page.textContent(`${id('schedule-detail')} h2`).then((t) => t.trim()), 'one', 'the first')
  await page.keyboard.press('e')
  await page.waitForSelector(id('schedule-dialog'))
  assert.equal(await page.inputValue(id('schedule-name')), 'one')
  await page.keyboard.press('Escape')
  await page.waitForSelector(id('schedule-dialog'), { state: 'detached' })
})

test('projects by keyboard: open a folder, walk what it offers, run it', async () => {
  await open('/projects')
  await page.waitForSelector(id('projects-page'))
  await page.keyboard.press('n')
  await until(focused, 'project-path', 'the folder has the focus')
  await page.keyboard.type(folder)
  await page.keyboard.press('Enter')
  await page.waitForSelector(`${id('offer')}[data-offer="task:tasks.add"][aria-current="true"]`)
  await page.waitForSelector(id('project-dialog'), { state: 'detached' })
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.waitForSelector(`${id('offer')}[data-offer="task:tasks.other"][aria-current="true"]`)
  await page.keyboard.press('k')
  await page.keyboard.press('Enter')
  await page.waitForSelector(`${id('offer')}[data-offer="task:tasks.add"][aria-current="true"]`)
  await page.locator(`${id('param-a')} input`).focus()
  await page.keyboard.type('40')
  await page.keyboard.press('Enter')
  const job = page.locator(id('job-detail'))
  await until(() => job.getAttribute('data-status'), 'SUCCESS', 'it ran')
})

test('a project follows its files and what others do to it, without a reload', async () => {
  await open('/projects')
  await page.waitForSelector(`${id('offer')}[data-offer="task:tasks.other"]`)
  await page.evaluate(() => (window.sameDocument = true))
  await writeFile(join(folder, 'tasks.py'), 'def add(a: int, b: int = 2) -> int: return a + b\n\ndef brand_new(word: str) -> str: return word\n')
  await page.waitForSelector(`${id('offer')}[data-offer="task:tasks.brand_new"]`)
  await call('PATCH', '/projects/1', { name: 'renamed by others' })
  await until(() => page.locator(`${id('project-select')} option`).allInnerTexts().then((all) => all.join()), 'renamed by others', 'its name')
  assert.equal(await page.evaluate(() => window.sameDocument), true)
})

test('an empty project teaches what to put into it, and shows it as it comes', async () => {
  const empty = await mkdtemp(join(folder, 'empty-'))
  const { id: project } = await call('POST', '/projects', { path: empty })
  await open(`/projects/${project}`)
  const teach = page.locator(id('project-teach'))
  await until(() => teach.innerText().then((t) => /tasks\.py[^]*MLproject[^]*\.ipynb/.test(t)), true, 'three ways')
  assert.deepEqual(await brokenRules(page), [])
  await writeFile(join(empty, 'tasks.py'), 'def first(a: int) -> int: return a\n')
  await page.waitForSelector(`${id('offer')}[data-offer="task:tasks.first"]`)
  assert.equal(await teach.count(), 0)
  await call('DELETE', `/projects/${project}`)
  await until(() => page.locator(`${id('project-select')} option`).count(), 1, 'it went')
})

test('a sweep by keyboard: from its form to a job of its table', async () => {
  await open('/projects')
  await page.waitForSelector(id('task-form'))
  await page.locator(id('sweep-new')).focus()
  await page.keyboard.press('Enter')
  await page.locator(id('sweep-a')).focus()
  await page.keyboard.type('1, 3')
  await until(() => page.textContent(id('sweep-count')), '2 jobs', 'counted')
  await tabTo('sweep-save')
  await page.keyboard.press('Enter')
  await until(() => page.textContent(id('sweep-progress')).then((text) => text.includes('2 of 2 done')), true, 'all done')
  const link = page.locator(`${id('sweep-row')} a`).first()
  await page.locator(id('sweep')).evaluate((element) => {
    element.tabIndex = -1
    element.focus()
  })
  await page.keyboard.press('Tab')
  assert.ok(await link.evaluate((element) => element === document.activeElement), 'the first job is the first stop')
  await page.keyboard.press('Enter')
  await page.waitForSelector(id('job-detail'))
})

test('f4 the monitor by keyboard: how many at a time, pause, limits', async () => {
  await open('/jobs/monitor')
  const row = page.locator(`${id('monitor-queue')}[data-queue="main-queue"]`)
  const many = row.getByLabel('How many jobs of main-queue run at once')
  await many.focus()
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('Enter')
  await until(() => call('GET', '/queues').then(({ queues }) => queues.find(({ name }) => name === 'main-queue').concurrency), 3, 'three')
  await tabTo('queue-autoscale')
  await page.keyboard.press('Space')
  await row.locator(id('queue-now')).waitFor()
  await tabTo('queue-autoscale')
  await page.keyboard.press('Space')
  await until(() => row.locator(id('queue-now')).count(), 0, 'a number again')
  await tabTo('monitor-pause')
  await page.keyboard.press('Space')
  await until(() => row.innerText().then((t) => t.includes('paused')), true, 'paused')
  await page.keyboard.press('Space')
  await until(() => row.innerText().then((t) => t.includes('paused')), false, 'it goes on')
  await tabTo('limit-task')
  await page.keyboard.type('branchline.noop')
  await tabTo('limit-soft')
  await page.keyboard.type('30')
  await page.keyboard.press('Enter')
  await page.waitForSelector(`${id('monitor-limit')}[data-task="branchline.noop"]`)
  assert.deepEqual((await call('GET', '/job-limits')).limits, { 'branchline.noop': { soft_time_limit: 30, time_limit: null } })
  await page.locator(id('limit-lift')).focus()
  await page.keyboard.press('Enter')
  await until(() => page.locator(id('monitor-limit')).count(), 0, 'lifted')
})

test('f5 and q23 a queue shows what is in it, and what waits is revoked without touching what runs', async () => {
  await call('PATCH', '/queues/narrow', { concurrency: 1 })
  const running = await call('POST', '/jobs', { command: ['sleep', '60'], queue: 'narrow' })
  for (let n = 0; n < 12; n++) await call('POST', '/jobs', { task: 'branchline.noop', queue: 'narrow' })
  await call('POST', '/jobs', { task: 'branchline.noop', queue: 'narrow', countdown: 3600 })
  await open('/jobs/monitor')
  const row = page.locator(`${id('monitor-queue')}[data-queue="narrow"]`)
  const numbers = () => row.locator('td.num').allInnerTexts().then((all) => all.join(' '))
  await until(numbers, '1 12 1 0', 'running, ready, later, after others')
  await row.locator(id('monitor-purge')).click()
  await page.click(id('confirm'))
  await until(numbers, '1 0 0 0', 'revoked')
  assert.equal((await call('GET', `/jobs/${running.task_id}`)).status, 'STARTED')
  await call('POST', `/jobs/${running.task_id}/cancel`)
})

test('f3 a failed job shows its message, its traceback and what it was asked with', async () => {
  await open('/projects')
  await writeFile(join(folder, 'tasks.py'), 'def fails(word: str) -> str: raise ValueError(f"no {word}")\n')
  const { task_id } = await call('POST', '/projects/1/tasks/tasks.fails', { arguments: { word: 'way' } })
  await call('GET', `/jobs/${task_id}?wait=20`)
  await open(`/jobs?job=${task_id}`)
  const text = () => page.innerText(id('job-detail'))
  await until(() => text().then((t) => t.includes('no way') && t.includes('Traceback') && t.includes('word="way"')), true, 'all of it')
  assert.ok(await page.isVisible(id('job-retry')), 'it can be run again')
})

test('a job that is gone can be closed, by its button and by Escape', async () => {
  for (const close of [() => page.click(id('detail-close')), () => page.keyboard.press('Escape')]) {
    await open('/jobs?job=long-gone')
    await page.waitForSelector(id('detail-error'))
    assert.match(await page.innerText(id('detail-error')), /long-gone[^]*This job is gone/)
    await close()
    await page.waitForSelector(id('detail-error'), { state: 'detached' })
    await until(() => page.evaluate(() => location.hash), '#/jobs', 'the address tells')
  }
  complaints.splice(0) // What is not there is told on the console.
})

test("tokens of running jobs stand apart from one's own, and are revoked as they are", async () => {
  const made = await call('POST', '/tokens', { name: 'laptop', scope: 'log' })
  const job = await call('POST', '/jobs', { command: ['sleep', '60'] })
  const held = async () => (await call('GET', '/tokens')).tokens.some(({ name }) => name === `job ${job.task_id}`)
  await until(held, true, 'its process has one')
  await open('/settings/tokens')
  const own = page.getByRole('table', { name: 'Tokens', exact: true }).locator(id('token-row'))
  await own.filter({ hasText: 'laptop' }).waitFor()
  assert.equal(await own.filter({ hasText: /^job/ }).count(), 0)
  const group = page.locator(id('tokens-of-jobs'))
  assert.equal(await group.locator(id('token-row')).first().isVisible(), false, 'folded')
  await group.locator('summary').focus()
  await page.keyboard.press('Enter')
  const row = group.locator(id('token-row')).filter({ hasText: job.task_id })
  assert.equal(await row.locator('a').getAttribute('href'), `#/jobs?job=${job.task_id}`)
  assert.deepEqual(await brokenRules(page), [])
  await row.locator(id('token-revoke')).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Revoke' }).click()
  await until(held, false, 'revoked')
  await until(() => row.count(), 0, 'and gone from the list')
  await call('DELETE', `/tokens/${made.token.id}`)
  await call('POST', `/jobs/${job.task_id}/cancel`)
})

test('a job that holds a slot shows its GPU beside processors and memory', async () => {
  const job = await call('POST', '/jobs', { command: ['sleep', '60'], gpus: 1 })
  await open(`/jobs?job=${job.task_id}`)
  const chart = (name) => page.locator(`${id('job-usage')} ${id('metric-chart')}[data-key="${name}"]`)
  await until(() => chart('GPU, %').count(), 1, 'how busy it is')
  await until(() => chart('GPU memory, MB').count(), 1, 'its memory')
  await until(() => chart('GPU, %').getAttribute('data-points').then((n) => Number(n) >= 2), true, 'its line grows')
  assert.equal(await chart('Processors').count(), 1)
  await call('POST', `/jobs/${job.task_id}/cancel`)
  await until(() => page.getAttribute(id('job-detail'), 'data-status'), 'REVOKED', 'it was cancelled')
})

test('pages that nobody touches ask for nothing but what time alone changes', async () => {
  const context = await browser.newContext({ storageState: await page.context().storageState() })
  const still = await context.newPage()
  // A minute is run through at once; what the socket brings comes in real time.
  await still.clock.install()
  let asked = []
  let unanswered = 0
  let last = 0
  const note = (request, more) => {
    const { pathname } = new URL(request.url())
    if (!pathname.startsWith('/api/')) return
    if (more > 0) asked.push(pathname)
    unanswered += more
    last = Date.now()
  }
  still.on('request', (request) => note(request, 1))
  still.on('requestfinished', (request) => note(request, -1))
  still.on('requestfailed', (request) => note(request, -1))
  const quiet = (what, ms = 500) => until(() => unanswered === 0 && Date.now() - last > ms, true, `${what} has what it needs`)
  // This one looks at its files every few seconds, and no more once it is left.
  await still.goto(`${server.url}/#/projects`)
  await still.waitForSelector(id('offer'))
  const sizes = Array(3).fill('/api/v1/server')
  const inAMinute = {
    '/jobs': sizes,
    '/jobs/monitor': ['/api/v1/jobs/history', ...sizes],
    '/jobs/schedules': sizes,
  }
  for (const [route, expected] of Object.entries(inAMinute)) {
    last = Date.now()
    await still.goto(`${server.url}/#${route}`)
    await quiet(route, 1500)
    await still.clock.pauseAt((await still.evaluate(() => Date.now())) + 1000)
    await quiet(route)
    asked = []
    await still.waitForTimeout(3000)
    assert.deepEqual(asked, [], `${route} by itself`)
    for (let part = 0; part < 3; part++) {
      await still.clock.runFor(20_000)
      await quiet(route)
    }
    assert.deepEqual(asked.sort(), expected, `${route} in a minute`)
    await still.clock.resume()
  }
  await context.close()
})

test('nothing complained on the console', () => {
  assert.deepEqual(complaints, [])
})
