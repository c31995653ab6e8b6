// Rules: made by a form, told in the bell as it happens, and read.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { brokenRules, startBrowser, startServer, until } from './harness.mjs'

const owner = { email: 'ada@example.org', password: 'difference-engine' }
const id = (name) => `[data-testid="${name}"]`
let server, browser, page
const complaints = []

before(async () => {
  server = await startServer({ owner })
  browser = await startBrowser()
  page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage()
  page.setDefaultTimeout(15_000)
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  const answer = await page.request.post(`${server.url}/api/v1/session`, {
    data: owner,
    headers: { origin: server.url },
  })
  assert.equal(answer.status(), 200)
  await page.goto(`${server.url}/#/settings/rules`)
  await page.waitForSelector(id('rule-first'))
})

after(async () => {
  await browser?.close()
  await server?.stop()
})

const log = (run_id, key, value, step) =>
  server.api.post('runs/log-metric', { run_id, key, value, step, timestamp: Date.now() })
const toasts = () => page.locator(id('toast')).allInnerTexts()

test('an empty page says what a rule does, and the bell where to make one', async () => {
  assert.match(await page.innerText('main'), /NaN[^]*by mail, or by a webhook/)
  await page.click(id('bell'))
  assert.match(await page.innerText(id('bell-list')), /Nothing yet/)
  await page.keyboard.press('Escape')
  await until(() => page.locator(id('bell-list')).count(), 0, 'Escape closes the list')
  const focused = await page.evaluate(() => document.activeElement?.dataset.testid)
  assert.equal(focused, 'bell', 'and the keyboard is where it was')
})

test('a rule is made by a form that asks for what is missing', async () => {
  await page.click(id('rule-first'))
  await page.waitForSelector(id('rule-dialog'))
  await page.getByText('A metric', { exact: true }).click()
  await page.selectOption(id('rule-metric'), 'metric.above')
  assert.ok(await page.locator(id('rule-save')).isDisabled(), 'a limit of which metric?')
  await page.fill(id('rule-name'), 'loss')
  await page.fill(id('rule-threshold'), '0.5')
  await page.fill(id('rule-webhook'), 'http://127.0.0.1/hook')
  await page.click(id('rule-save'))
  assert.match(await page.innerText(id('rule-error')), /scheme/, 'as webhooks are guarded')
  await page.fill(id('rule-webhook'), '')
  await page.click(id('rule-save'))
  await page.waitForSelector(id('rule-row'))
  assert.match(await page.innerText(id('rule-row')), /loss rises above 0\.5[^]*window[^]*never/)
})

test('what happens is told at once, in a toast and in the bell', async () => {
  const run = await server.api.run('0', 'bold-ox')
  await log(run, 'loss', 0.7, 0)
  await page.waitForSelector(id('bell-count'))
  assert.equal(await page.innerText(id('bell-count')), '1')
  assert.match((await toasts()).join(), /loss rose above 0\.5[^]*bold-ox/)
  await until(
    () => page.innerText(id('rule-row')).then((text) => /never/.test(text)),
    false,
    'the rule says when',
  )
  await log(run, 'loss', 0.8, 1)
  await server.api.finish(run)
  await page.click(id('bell'))
  assert.equal(await page.locator(id('notification')).count(), 1, 'once')
  await page.click(id('notification'))
  await page.waitForSelector(`${id('run-page')}[data-run-id="${run}"]`)
  await until(() => page.locator(id('bell-count')).count(), 0, 'it is read')
})

test('a run under way offers to tell when it ends, once', async () => {
  const run = await server.api.run('0', 'calm-elk')
  await page.goto(`${server.url}/#/experiments/0/runs/${run}`)
  await page.waitForSelector(`${id('run-page')}[data-run-id="${run}"]`)
  await page.click(id('run-menu'))
  await page.click(id('run-tell'))
  await until(async () => /You are told/.test((await toasts()).join()), true, 'it is arranged')
  await server.api.finish(run)
  await until(async () => /calm-elk finished/.test((await toasts()).join()), true, 'it is told')
  await page.click(id('bell'))
  await page.click(id('bell-read'))
  await until(() => page.locator(id('bell-count')).count(), 0, 'all of it is read')
  await page.click(id('bell-rules'))
  const row = page.locator(id('rule-row')).first()
  await until(async () => /once/.test(await row.innerText()), true, 'the new rule stands first')
  assert.equal(await row.locator(id('rule-enabled')).isChecked(), false, 'it has told')
})

test('a rule is tested, its history read, switched off and deleted, by the keyboard too', async () => {
  const row = page.locator(id('rule-row')).last()
  await row.locator(id('rule-menu')).focus()
  await page.keyboard.press('Enter')
  await page.locator(id('rule-test')).click()
  await until(async () => /The test was sent/.test((await toasts()).join()), true, 'it was sent')
  await row.locator(id('rule-menu')).click()
  await page.locator(id('rule-history')).click()
  await page.waitForSelector(id('rule-told'))
  const told = (await page.locator(id('rule-told')).allInnerTexts()).join('\n')
  assert.match(told, /A test[^]*loss rose above 0\.5/, 'newest first')
  await page.keyboard.press('Escape')
  await row.locator(id('rule-enabled')).uncheck()
  await page.reload()
  await page.waitForSelector(id('rule-row'))
  assert.equal(await row.locator(id('rule-enabled')).isChecked(), false)
  await row.locator(id('rule-menu')).click()
  await page.locator(id('rule-delete')).click()
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await until(() => page.locator(id('rule-row')).count(), 1, 'it is gone')
})

test('page, form and bell pass WCAG AA in both themes', async () => {
  for (const open of [undefined, 'rule-new', 'bell']) {
    if (open) await page.click(id(open))
    assert.deepEqual(await brokenRules(page), [], open)
    if (open) await page.keyboard.press('Escape')
  }
})

test('nothing complained in the console but what was refused on purpose', () => {
  assert.deepEqual(
    complaints.filter((words) => !/400 \(Bad Request\)/.test(words)),
    [],
  )
})
