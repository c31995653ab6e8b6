// What a person does in the UI, in a real browser against the real server.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { brokenRules, startBrowser, startServer, until } from './harness.mjs'

let server, browser, context, page, folder
// When the page last asked for something or was answered.
let asked = 0
const complaints = []
const id = (name) => `[data-testid="${name}"]`

before(async () => {
  server = await startServer()
  browser = await startBrowser()
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  page = await context.newPage()
  page.setDefaultTimeout(15_000)
  for (const event of ['request', 'requestfinished', 'requestfailed']) page.on(event, () => (asked = Date.now()))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
})

after(async () => {
  await browser?.close()
  await server?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

const open = (route) => page.goto(`${server.url}/#${route}`)

test('nobody gets in without a credential, and the link works once', async () => {
  await open('/experiments')
  await page.waitForSelector(id('signin-form'))
  await page.goto('about:blank')
  await page.goto(server.link)
  await page.waitForSelector(id('nav-experiments'))
  assert.ok(!page.url().includes('secret'), 'the secret stays in no URL')
  const [cookie] = await context.cookies()
  assert.ok(cookie.httpOnly && cookie.sameSite === 'Strict', 'the session cookie is closed')
  const stranger = await browser.newContext()
  const second = await stranger.newPage()
  await second.goto(server.link)
  await second.waitForSelector(id('signin-form'))
  await stranger.close()
  complaints.length = 0 // A refused sign-in is told on the console.
})

test('an empty start teaches what to paste', async () => {
  await open('/')
  await page.waitForSelector(id('home-empty'))
  const text = await page.textContent('main')
  assert.ok(text.includes(server.url.replace('127.0.0.1', 'localhost')) || text.includes(server.url))
})

test('a run and its points appear without navigation, and the zoom stays', async () => {
  const experiment = await server.api.experiment('live')
  await open(`/experiments/${experiment}`)
  await page.waitForSelector(id('experiment-menu'))
  await page.evaluate(() => (window.sameDocument = true))
  const run = await server.api.run(experiment, 'slow-otter')
  await page.waitForSelector(`${id('run-row')}[data-run-id="${run}"]`)
  await server.api.points(run, 'loss', 0, 40)
  const chart = page.locator(`${id('metric-chart')}[data-key="loss"]`)
  const read = (name) => chart.getAttribute(`data-${name}`)
  await until(() => read('points'), '40', 'points drawn')

  const plot = await chart.locator('.u-over').boundingBox()
  const y = plot.y + plot.height / 2
  await page.mouse.move(plot.x + plot.width * 0.25, y)
  await page.mouse.down()
  await page.mouse.move(plot.x + plot.width * 0.5, y, { steps: 5 })
  await page.mouse.up()
  await until(async () => Number(await read('x-max')) < 39, true, 'the zoom')
  const zoom = [await read('x-min'), await read('x-max')]

  await server.api.points(run, 'loss', 40, 60)
  await until(() => read('points'), '60', 'new points drawn')
  assert.equal(await read('last-step'), '59')
  assert.deepEqual([await read('x-min'), await read('x-max')], zoom, 'the zoom stays')
  assert.equal(await page.evaluate(() => window.sameDocument), true, 'no navigation')
  const row = page.locator(`${id('run-row')}[data-run-id="${run}"]`)
  assert.match(await row.textContent(), /running/i)
  await server.api.finish(run)
  await until(async () => /finished/i.test(await row.textContent()), true, 'the end of the run')
})

test('the table filters, marks an error at its character, sorts and pages', async () => {
  const experiment = await server.api.experiment('table')
  for (let i = 0; i < 130; i++) {
    const run = await server.api.run(experiment, `run-${i}`, 1_700_000_000_000 + i)
    await server.api.param(run, 'seed', String(i % 2))
    await server.api.points(run, 'score', i, i + 1)
  }
  await open(`/experiments/${experiment}`)
  const rows = page.locator(id('run-row'))
  await until(() => page.locator(id('matched')).textContent().then((t) => /130/.test(t)), true, 'count')
  await until(() => rows.first().textContent().then((t) => t.includes('run-129')), true, 'newest first')

  const filter = page.locator(id('filter-input'))
  await page.keyboard.press('/')
  assert.ok(await filter.evaluate((e) => e === document.activeElement), '`/` goes to the filter')
  await filter.fill("params.seed = '1' AND metrics.score < 0.1")
  await filter.press('Enter')
  await until(() => page.locator(id('matched')).textContent().then((t) => /60/.test(t)), true, 'matches')
  await filter.fill("params.seed = '1' AND metrics.score <")
  await filter.press('Enter')
  await page.waitForSelector(id('filter-error'))
  await page.keyboard.press('Escape')
  await filter.fill('')
  await filter.press('Enter')

  await page.locator(id('sort-metrics.score')).click()
  await until(
    () => rows.first().textContent().then((t) => /run-(0|129)(?!\d)/.test(t)),
    true,
    'sorted by the metric',
  )
  // Far down the list further pages come by themselves.
  await page.locator(id('runs-table')).hover()
  for (let i = 0; i < 12; i++) await page.mouse.wheel(0, 800)
  await until(
    async () => {
      await page.mouse.wheel(0, 2000)
      return rows.last().textContent().then((t) => /run-(0|129)(?!\d)/.test(t))
    },
    true,
    'the last row',
  )
})

test('the order by a metric says which run is the best, and a pinned experiment stands first', async () => {
  const experiment = await server.api.experiment('judged')
  for (const [name, value] of [['good', 0.25], ['bad', 4.5]]) {
    const run = await server.api.run(experiment, name)
    await server.api.post('runs/log-metric', { run_id: run, key: 'val/loss', value, timestamp: 1, step: 0 })
    await server.api.finish(run)
  }
  await server.api.experiment('touched-last')
  await open(`/experiments/${experiment}`)
  await page.click(id('sort-metrics.val/loss'))
  await page.waitForURL(/order=/)
  await until(() => page.locator(id('run-row')).first().textContent().then((t) => t.includes('good')), true, 'order')
  await open('/experiments')
  const row = page.locator(`${id('experiment-row')}[data-experiment-id="${experiment}"]`)
  await until(() => row.locator(id('experiment-best')).textContent().then((t) => t.replace(/\s+/g, ' ').trim()), 'val/loss 0.25', 'the best')
  const firstRow = () => page.locator(id('experiment-row')).first().getAttribute('data-experiment-id')
  assert.notEqual(await firstRow(), experiment)
  await row.locator(id('experiment-menu')).click()
  await page.click(id('experiment-pin'))
  await until(firstRow, experiment, 'the pinned one first')
  await open('/')
  const first = page.locator(id('home-experiment')).first()
  await until(() => first.getAttribute('data-experiment-id'), experiment, 'first at home too')
})

test('a run is renamed, tagged, noted, deleted and brought back', async () => {
  const experiment = await server.api.experiment('edit')
  const run = await server.api.run(experiment, 'before')
  await open(`/experiments/${experiment}/runs/${run}`)
  await page.waitForSelector(id('run-page'))
  await page.locator('body').press('e')
  await page.locator(id('name-input')).fill('after')
  await page.locator(id('name-save')).click()
  await until(() => page.locator(id('run-name')).textContent().then((t) => t.trim()), 'after', 'name')

  await page.locator(`${id('note-edit')}, ${id('note-add')}`).first().click()
  await page.locator(id('note-input')).fill('**bold** words')
  await page.locator(id('note-save')).click()
  await page.waitForSelector(`${id('note-panel')} strong`)

  await open(`/experiments/${experiment}`)
  const row = page.locator(`${id('run-row')}[data-run-id="${run}"]`)
  await row.waitFor()
  await row.locator(id('run-swatch')).click()
  await page.locator(id('bulk-delete')).click()
  const confirm = page.locator(id('confirm'))
  if (await confirm.isVisible().catch(() => false)) await confirm.click()
  await row.waitFor({ state: 'detached' })
  await page.locator(id('undo')).first().click()
  await row.waitFor()
})

test('artifacts are shown for what they are', async () => {
  const experiment = await server.api.experiment('files')
  const run = await server.api.run(experiment, 'files')
  const put = (path, body) => server.api.artifact(experiment, run, path, body)
  await put('notes/readme.txt', 'plain words')
  await put('table.csv', 'a,b\n1,2\n3,4\n')
  await put('data.json', '{"deep": {"list": [1, 2, 3]}}')
  await put('page.html', '<h1>hello</h1><script>document.title = parent.document.title</script>')
  await put('blob.bin', new Uint8Array([0, 1, 2, 255]))
  await open(`/experiments/${experiment}/runs/${run}/artifacts`)
  const pick = async (name) => page.locator(id('artifact-row'), { hasText: name }).first().click()
  const viewer = page.locator(id('artifact-viewer'))
  await pick('notes')
  await pick('readme.txt')
  await until(() => viewer.textContent().then((t) => t.includes('plain words')), true, 'text')
  await pick('table.csv')
  await page.locator(`${id('artifact-table')} >> text=3`).waitFor()
  await pick('data.json')
  await page.waitForSelector(id('artifact-json'))
  await pick('page.html')
  const frame = viewer.locator('iframe')
  await frame.waitFor()
  const sandbox = await frame.getAttribute('sandbox')
  assert.ok(sandbox !== null && !sandbox.includes('allow-same-origin'), 'HTML is sandboxed')
  await page.frameLocator('iframe').locator('h1').waitFor()
  await pick('blob.bin')
  await until(() => viewer.textContent().then((t) => /4\s*B/.test(t)), true, 'the size')
  complaints.length = 0 // The sandboxed page was refused its parent, as it must be.
})

test('a trace appears while one looks, its spans tell what failed, and it goes after being asked', async () => {
  const experiment = await server.api.experiment('bot')
  await open(`/experiments/${experiment}/traces`)
  await page.waitForSelector(id('traces-code'))
  const trace = await server.api.trace(experiment, 'why?')
  const row = page.locator(`${id('trace-row')}[data-trace-id="${trace}"]`)
  await row.waitFor()
  assert.match(await row.textContent(), /error/)
  await row.click()
  const panel = page.locator(id('span-panel'))
  await until(() => panel.getAttribute('data-span'), 'lookup', 'the span that failed is shown first')
  assert.match(await panel.textContent(), /no such order/)
  await page.locator(`${id('span-row')}[data-span="ask"]`).click()
  await until(() => panel.textContent().then((t) => t.includes('why?')), true, 'what went in')
  await page.fill(id('trace-filter'), 'status =')
  await page.press(id('trace-filter'), 'Enter')
  await page.waitForSelector(id('trace-problem'))
  complaints.length = 0 // A refused filter is told on the console.
  await page.fill(id('trace-filter'), "span.type = 'TOOL'")
  await page.press(id('trace-filter'), 'Enter')
  await until(() => page.locator(id('trace-problem')).count(), 0, 'the filter is right')
  await row.waitFor()
  await page.click(id('trace-delete'))
  await page.click(id('confirm'))
  await until(() => row.count(), 0, 'the trace gone')
})

test('a model gets an alias', async () => {
  await server.api.post('registered-models/create', { name: 'diabetes' })
  await server.api.post('model-versions/create', { name: 'diabetes', source: 's3://bucket/model' })
  await open('/models')
  await page.locator(`${id('model-row')}[data-name="diabetes"]`).waitFor()
  await open('/models/diabetes')
  await page.locator(`${id('version-row')}[data-version="1"]`).waitFor()
  await page.locator(id('alias-add')).first().click()
  await page.locator(id('alias-input')).fill('champion')
  await page.locator(id('alias-save')).click()
  await page.locator(id('alias-label'), { hasText: 'champion' }).first().waitFor()
  await until(
    () => page.locator(id('load-snippet')).textContent().then((t) => t.includes('models:/diabetes@champion')),
    true,
    'the snippet',
  )
})

test('a person is made, recovers the password by the link in the outbox, and signs in with it', async () => {
  await open('/settings/people')
  await page.click(id('person-new'))
  await page.fill(id('person-email'), 'kim@example.org')
  await page.fill(id('person-password'), 'long enough')
  await page.click(id('person-save'))
  await page.waitForSelector(`${id('person-row')}[data-email="kim@example.org"]`)

  const context = await browser.newContext()
  const theirs = await context.newPage()
  await theirs.goto(`${server.url}/#/signin`)
  await theirs.click(id('signin-forgot'))
  await theirs.fill(id('recover-email'), 'kim@example.org')
  await theirs.click(id('recover-submit'))
  await theirs.waitForSelector(id('recover-said'))

  await open('/settings/mail')
  const mail = page.locator(id('mail-row')).filter({ hasText: 'kim@example.org' }).filter({ hasText: /recovery/i })
  await until(async () => {
    if ((await mail.count()) === 0) await page.reload()
    await page.waitForSelector('h2')
    return (await mail.count()) > 0
  }, true, 'the mail in the outbox')
  await mail.first().click()
  const text = await page.textContent(id('mail-dialog'))
  const link = /https?:\S+reset-password\?token=[\w.-]+/.exec(text)[0]
  await page.keyboard.press('Escape')

  await theirs.goto(link)
  await theirs.fill(id('reset-password'), 'another one 9')
  await theirs.fill(id('reset-again'), 'another one 9')
  await theirs.click(id('reset-submit'))
  await theirs.fill(id('signin-email'), 'kim@example.org')
  await theirs.fill(id('signin-password'), 'another one 9')
  await theirs.click(id('signin-submit'))
  await theirs.waitForSelector(id('nav-experiments'))
  await theirs.goto(`${server.url}/#/settings/people`)
  await theirs.waitForSelector(id('settings-profile'))
  assert.equal(await theirs.locator(id('settings-people')).count(), 0, 'people are for superusers')
  await context.close()
})

test('an item is written about a run and found by its words', async () => {
  const experiment = await server.api.experiment('noted')
  const run = await server.api.run(experiment, 'noted-run')
  await open(`/experiments/${experiment}/runs/${run}`)
  await page.click(id('items-panel-new'))
  await page.fill(id('item-title'), 'Try a smaller step')
  await page.fill(id('item-text'), 'It **diverges** late.')
  await page.click(id('item-save'))
  await until(() => page.locator(`${id('items-panel')} strong`).textContent(), 'diverges', 'Markdown')
  await open('/items')
  await page.fill(id('items-search'), 'diverges')
  const item = page.locator(id('item'))
  await until(() => item.count(), 1, 'found')
  await item.locator('a.link').click()
  await page.waitForSelector(`${id('run-page')}[data-run-id="${run}"]`)
})

test('a job is queued, its log grows while one looks, and it is cancelled and run again', async () => {
  await open('/jobs')
  await page.click(id('job-new'))
  const code = 'import time; print("begun", flush=True); time.sleep(300)'
  await page.fill(id('job-command'), `python3 -c '${code}'`)
  await page.click(id('job-save'))
  const job = page.locator(id('job-detail'))
  await until(() => page.textContent(id('job-log')).then((t) => t.includes('begun')), true, 'its words')
  await until(() => job.getAttribute('data-status'), 'STARTED', 'it runs')
  await page.click(id('job-cancel'))
  await page.click(id('confirm'))
  await until(() => job.getAttribute('data-status'), 'REVOKED', 'it was cancelled')
  const pause = async (state) => {
    await page.click(id('queues'))
    await page.click(id('queue-pause'))
    await page.waitForSelector(`${id('queue')}${state}`)
    await page.keyboard.press('Escape')
  }
  await pause('.paused')
  await page.click(id('job-retry'))
  await until(() => job.getAttribute('data-status'), 'PENDING', 'it waits: the queue is paused')
  await page.click(id('job-cancel'))
  await until(() => job.getAttribute('data-status'), 'REVOKED', 'cancelled before it began')
  await pause(':not(.paused)')
  await page.click(id('job-delete'))
  await page.click(id('confirm'))
  await until(() => page.locator(id('job-row')).count(), 0, 'it is gone')
})

test('a folder becomes a project: functions are forms that say what is wrong, and run', async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-project-'))
  await writeFile(join(folder, 'tasks.py'), 'def add(a: float, b: int = 2) -> float:\n    """Adds two numbers."""\n    return a + b\n')
  const notebook = {
    cells: [
      { cell_type: 'markdown', metadata: {}, source: '# A *title*' },
      { cell_type: 'code', metadata: { tags: ['parameters'] }, execution_count: 1, source: 'a = 1', outputs: [{ output_type: 'stream', name: 'stdout', text: 'seen' }, { output_type: 'execute_result', data: { 'text/html': '<table><tr><td>7</td></tr></table><script>document.title = "ran"</script>' } }] },
    ],
    metadata: {},
    nbformat: 4,
    nbformat_minor: 5,
  }
  await writeFile(join(folder, 'a.ipynb'), JSON.stringify(notebook))
  await open('/projects')
  await page.click(id('project-new'))
  await page.fill(id('project-path'), '/no/such/folder')
  await page.click(id('project-save'))
  await page.getByText("There is no folder '/no/such/folder'.").waitFor()
  complaints.length = 0 // What was refused is told on the console.
  await page.fill(id('project-path'), folder)
  await page.click(id('project-save'))
  await page.waitForSelector(`${id('offer')}[data-offer="task:tasks.add"][aria-current="true"]`)
  await page.getByText('Adds two numbers.', { exact: true }).last().waitFor()
  await page.click(id('task-run'))
  await until(() => page.textContent(`${id('param-a')} .field-error`), 'It has to be given.', 'the field says it')
  await page.fill(`${id('param-a')} input`, '1.5')
  await page.click(id('task-run'))
  const job = page.locator(id('job-detail'))
  await until(() => job.getAttribute('data-status'), 'SUCCESS', 'it ran')
  await until(() => page.textContent('.result').then((text) => text.includes('3.5')), true, 'its result')
})

test('a sweep compares its jobs, the best first', async () => {
  await open('/projects')
  await page.waitForSelector(id('task-form'))
  // By another address of the same project, without loading the page anew.
  await open('/projects/1')
  await page.waitForURL('**/projects/1')
  await page.click(id('sweep-new'))
  await page.fill(id('sweep-a'), '1, 3, 2')
  await until(() => page.textContent(id('sweep-count')), '3 jobs', 'counted')
  await page.click(id('sweep-save'))
  await until(() => page.textContent(id('sweep-progress')).then((text) => text.includes('3 of 3 done')), true, 'all done')
  await until(() => page.locator(`${id('sweep-row')} td.best`).first().innerText().then((text) => text.split(/\s/)[0]), '5', 'the greatest')
})

test('a notebook is read, and what it brings along runs nowhere', async () => {
  await open('/projects?show=notebook:a.ipynb')
  const view = page.locator(id('notebook-view'))
  await until(() => view.locator('h1').textContent(), 'A title', 'Markdown')
  assert.match(await view.innerText(), /seen/)
  const frame = view.locator('iframe')
  assert.equal(await frame.getAttribute('sandbox'), '')
  const inside = await frame.getAttribute('srcdoc')
  assert.ok(/<td[^>]*>7<\/td>/.test(inside) && !inside.includes('script'))
  await page.click(id('notebook-run'))
  await page.fill(id('notebook-parameters'), 'odd')
  await page.click(id('notebook-save'))
  await page.getByText('Line 1 is not name = value.').waitFor()
  await page.keyboard.press('Escape')
})

test('a mistake in a file is shown with its line, and goes with it', async () => {
  await writeFile(join(folder, 'tasks.py'), 'def add(a: float) -> float: return a\n\ndef broken(:\n')
  await open('/projects')
  await page.click(id('project-scan'))
  await until(() => page.textContent(id('project-problem')).then((text) => text.includes('tasks.py:3')), true, 'the line')
  // Nobody asks for it to be read again: the page follows the file.
  await writeFile(join(folder, 'tasks.py'), 'def add(a: float) -> float: return a\n')
  await page.waitForSelector(id('task-form'))
  await until(() => page.locator(id('project-problem')).count(), 0, 'gone')
})

test('a schedule shows its next times while one types, runs now, is switched off and deleted', async () => {
  await open('/jobs/schedules')
  await page.click(id('schedule-new'))
  await page.fill(id('schedule-name'), 'nightly')
  await page.fill(id('schedule-command'), 'echo hello')
  await page.fill(id('schedule-zone'), 'Europe/Berlin')
  await page.fill(id('schedule-cron'), '61 2 * * *')
  await until(() => page.textContent(id('schedule-preview')).then((t) => t.includes('no cron expression')), true, 'why not')
  await page.fill(id('schedule-cron'), '30 2 * * *')
  await until(() => page.locator(id('schedule-time')).count(), 5, 'five times')
  assert.match(await page.locator(id('schedule-time')).first().innerText(), /02:30:00/)
  await page.check(id('schedule-policy-skip'))
  await page.click(id('schedule-save'))
  const detail = page.locator(id('schedule-detail'))
  await detail.waitFor()
  assert.match(await detail.innerText(), /Skip/)
  await page.click(id('schedule-run'))
  await until(() => page.locator(id('fire-row')).getAttribute('data-status'), 'SUCCESS', 'its job ended well')
  await until(() => page.textContent(id('schedule-last')).then((t) => t.trim()), 'success', 'the list follows')
  await page.click(id('schedule-toggle'))
  await until(() => page.textContent(id('schedule-next')).then((t) => t.trim()), 'off', 'switched off')
  await page.keyboard.press('e')
  await page.waitForSelector(id('schedule-dialog'))
  assert.equal(await page.inputValue(id('schedule-command')), 'echo hello')
  assert.ok(await page.isChecked(id('schedule-policy-skip')))
  await page.keyboard.press('Escape')
  await page.waitForSelector(id('schedule-dialog'), { state: 'detached' })
  await page.click(id('fire-job'))
  await page.waitForSelector(id('job-detail'))
  const job = await page.getAttribute(id('job-detail'), 'data-job-id')
  const row = page.locator(`${id('job-row')}[data-job-id="${job}"]`)
  await row.waitFor()
  await page.click(id('job-delete'))
  await page.click(id('confirm'))
  await until(() => row.count(), 0, 'it is gone')
  await page.click(id('jobs-tab-schedules'))
  await page.click(id('schedule-row'))
  await page.click(id('schedule-delete'))
  await page.click(id('confirm'))
  await until(() => page.locator(id('schedule-row')).count(), 0, 'it is gone')
})

test('the monitor follows jobs without a reload, and its controls change what they show', async () => {
  const queue = (body) =>
    page.evaluate(async (body) => {
      const answer = await fetch('/api/v1/jobs', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      return (await answer.json()).task_id
    }, body)
  await open('/jobs/monitor')
  const tile = async (name) => Number((await page.textContent(id(`tile-${name}`))).replace(/\D/g, ''))
  await page.waitForSelector(id('metric-chart'))
  const before = { succeeded: await tile('succeeded'), failed: await tile('failed'), processed: await tile('processed') }
  for (const word of ['a', 'b', 'c', 'd']) await queue({ task: 'app.worker.run_task', args: [word] })
  const failed = await queue({ task: 'app.worker.run_task' })
  await until(() => tile('processed'), before.processed + 5, 'five were processed')
  assert.deepEqual([await tile('succeeded'), await tile('failed')], [before.succeeded + 4, before.failed + 1])
  const row = page.locator(`${id('monitor-queue')}[data-queue="main-queue"]`)
  await row.locator('input').fill('3')
  await row.locator('input').press('Enter')
  await until(() => row.locator('input').inputValue(), '3', 'three at a time')
  await row.locator(id('queue-autoscale')).click()
  await until(() => row.locator(id('queue-now')).textContent().then((t) => /^now \d+$/.test(t)), true, 'it follows the machine')
  await row.locator(id('queue-most')).fill('1')
  await row.locator(id('queue-most')).press('Enter')
  await until(() => row.locator(id('queue-now')).textContent(), 'now 1', 'within its bounds')
  await row.locator(id('queue-autoscale')).click()
  await until(() => row.locator('input').count(), 1, 'a number again')
  assert.equal(await row.locator('input').inputValue(), '1')
  await row.locator(id('monitor-pause')).click()
  await until(() => row.innerText().then((t) => t.includes('paused')), true, 'paused')
  await queue({ task: 'branchline.noop' })
  await until(() => row.innerText().then((t) => /\b1\b/.test(t)), true, 'one waits')
  await row.locator(id('monitor-purge')).click()
  await page.click(id('confirm'))
  await row.locator(id('monitor-pause')).click()
  await until(() => row.innerText().then((t) => t.includes('paused')), false, 'it goes on')
  await page.fill(id('limit-task'), 'branchline.backup')
  await page.fill(id('limit-rate'), '10/m')
  await page.fill(id('limit-hard'), '90')
  await page.click(id('limit-set'))
  const limit = page.locator(`${id('monitor-limit')}[data-task="branchline.backup"]`)
  await limit.waitFor()
  await until(() => limit.innerText().then((t) => /10\/m[^]*1m 30s/.test(t)), true, 'both limits')
  await limit.locator(id('limit-lift')).click()
  await until(() => limit.count(), 0, 'the limits are lifted')
  const spans = await page
    .locator(id('metric-chart'))
    .evaluateAll((charts) => charts.map(({ dataset }) => dataset.xMax - dataset.xMin))
  assert.deepEqual(spans, [3540, 3540, 3540], 'each chart shows the hour, from its first minute to its last')

  await page.click(id('jobs-tab-jobs'))
  await page.keyboard.press('/')
  await page.keyboard.type('state:failure name:run_task')
  await until(() => page.locator(id('job-row')).count(), 1, 'the one that failed')
  assert.equal(await page.getAttribute(id('job-row'), 'data-job-id'), failed)
  await page.click(id('job-columns'))
  const saved = page.waitForResponse((r) => r.url().endsWith('/preferences') && r.request().method() === 'PATCH')
  await page.check(id('job-column-exception'))
  await saved
  await page.keyboard.press('Escape')
  assert.match(await page.innerText(`${id('job-row')} [data-column="exception"]`), /argument/)
  await page.reload()
  await page.waitForSelector(`${id('job-row')} [data-column="exception"]`)
  const download = page.waitForEvent('download')
  await page.click(id('jobs-csv'))
  const csv = await readFile(await (await download).path(), 'utf8')
  assert.match(csv, /^State,Job,Queued,Time,Queue,Retries,Exception\nFAILURE,app\.worker\.run_task,/)
  await page.fill(id('jobs-filter'), '')
  await until(() => page.locator(id('job-row')).count().then((n) => n > 1), true, 'all of them')
})

test('a running job shows what it uses while one looks', async () => {
  await open('/jobs')
  await page.click(id('job-new'))
  await page.fill(id('job-command'), "python3 -c 'while True: pass'")
  await page.click(id('job-save'))
  const job = page.locator(id('job-detail'))
  await until(() => job.getAttribute('data-status'), 'STARTED', 'it runs')
  await until(() => page.getAttribute(id('job-usage'), 'data-samples').then((n) => Number(n) >= 3), true, 'samples')
  await page.click(id('job-cancel'))
  await page.click(id('confirm'))
  await until(() => job.getAttribute('data-status'), 'REVOKED', 'it was cancelled')
  await until(() => page.locator(id('job-usage')).count(), 0, 'nothing is looked up any more')
  await page.click(id('job-delete'))
  await page.click(id('confirm'))
  await until(() => job.count(), 0, 'it is gone')
})

test('an experiment is shared with a person', async () => {
  const experiment = await server.api.experiment('shared')
  await open(`/experiments/${experiment}`)
  await page.click(id('experiment-menu'))
  await page.click(id('experiment-share'))
  await page.fill(id('share-email'), 'kim@example.org')
  await page.click(id('share-add'))
  const grant = page.locator(`${id('grant')}[data-email="kim@example.org"]`)
  await grant.waitFor()
  await grant.locator(id('grant-take')).click()
  await until(() => grant.count(), 0, 'taken back')
  await page.keyboard.press('Escape')
})

test('the palette opens by keyboard and goes where it says', async () => {
  await open('/')
  await page.waitForSelector(id('home-page'))
  await page.keyboard.press('Control+k')
  await page.locator(id('palette-input')).fill('diabetes')
  await page.locator(`${id('palette-model')}[aria-selected="true"]`).waitFor()
  await page.keyboard.press('Enter')
  await page.waitForSelector(id('model-page'))
})

test('the palette finds a part of a param and marks it', async () => {
  const { run } = await server.api.post('runs/create', { experiment_id: '0', run_name: 'palette run' })
  const run_id = run.info.run_id
  await server.api.post('runs/log-parameter', { run_id, key: 'optimizer', value: 'AdamW-fused' })
  await open('/')
  await page.waitForSelector(id('home-page'))
  await page.keyboard.press('Control+k')
  await page.locator(id('palette-input')).fill('damw-fu')
  const entry = page.locator(id('palette-run'))
  await entry.waitFor()
  assert.equal(await entry.locator('mark').innerText(), 'damW-fu')
  await page.keyboard.press('Enter')
  await page.waitForURL(`**/runs/${run_id}*`)
})

test('a deleted run is restored from the trash, then deleted for good after being asked', async () => {
  const { run } = await server.api.post('runs/create', { experiment_id: '0', run_name: 'unwanted' })
  const run_id = run.info.run_id
  await server.api.post('runs/delete', { run_id })
  await open('/trash')
  const row = page.locator(`${id('trash-row')}[data-id="${run_id}"]`)
  await row.locator(id('trash-pick')).check()
  await page.locator(id('trash-restore')).click()
  await row.waitFor({ state: 'detached' })
  await server.api.post('runs/delete', { run_id })
  await row.waitFor()
  await row.locator(id('trash-menu')).click()
  await page.locator(id('trash-item-delete')).click()
  const dialog = page.locator(id('confirm-dialog'))
  assert.match(await dialog.innerText(), /unwanted[\s\S]*1 run with .* of files/)
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await row.locator(id('trash-menu')).click()
  await page.locator(id('trash-item-delete')).click()
  await page.locator(id('confirm')).click()
  await row.waitFor({ state: 'detached' })
})

test('all runs stand in one table with their experiments', async () => {
  const experiment = await server.api.experiment('far away')
  const run = await server.api.run(experiment, 'newest of all', Date.now() + 60_000)
  await open('/runs')
  const row = page.locator(`${id('run-row')}[data-run-id="${run}"]`)
  await row.getByText('far away', { exact: true }).waitFor()
})

test('pages pass WCAG AA in both themes', async () => {
  const found = []
  await page.evaluate(async () => {
    // It never fires while a test runs.
    const schedule = { name: 'looked-at', cron: '0 2 29 2 *', zone: 'UTC', job: { task: 'branchline.noop' } }
    const body = JSON.stringify(schedule)
    await fetch('/api/v1/schedules', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  })
  const experiment = await server.api.experiment('looked-at')
  const trace = await server.api.trace(experiment, 'why?')
  const routes = ['/', '/experiments', '/runs', '/trash', '/models', '/models/diabetes', '/settings', '/settings/people', '/settings/mail', '/items', '/jobs', '/jobs/schedules?schedule=looked-at', '/jobs/monitor', '/projects', '/projects?show=notebook:a.ipynb', `/experiments/${experiment}/traces?trace=${trace}`]
  for (const route of routes) {
    await open(route)
    // Playwright's own `networkidle` never comes once the notebook's frame has gone.
    await until(() => Date.now() - asked > 500, true, `${route} is quiet`)
    found.push(...(await brokenRules(page)).map((rule) => `${route} ${rule}`))
  }
  assert.deepEqual(found, [])
})

test('nothing complained on the console', () => {
  assert.deepEqual(complaints, [])
})
