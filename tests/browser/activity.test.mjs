// Two people on one server: what goes on, who is here, and what they say to each other.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { startBrowser, startServer, until } from './harness.mjs'

const ada = { email: 'ada@example.org', password: 'difference-engine' }
const bob = { email: 'bob@example.org', password: 'pascaline-1642' }
const id = (name) => `[data-testid="${name}"]`
let server, browser
const complaints = []

before(async () => {
  server = await startServer({ owner: ada })
  browser = await startBrowser()
  const made = await fetch(`${server.url}/api/v1/users/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await signIn()}`, 'content-type': 'application/json' },
    body: JSON.stringify(bob),
  })
  assert.equal(made.status, 200, await made.text())
})

after(async () => {
  await browser?.close()
  await server?.stop()
})

async function signIn() {
  const body = new URLSearchParams({ username: ada.email, password: ada.password })
  const answer = await fetch(`${server.url}/api/v1/login/access-token`, { method: 'POST', body })
  return (await answer.json()).access_token
}

/** The window of a person. */
async function windowOf({ email, password }, route) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  const answer = await page.request.post(`${server.url}/api/v1/session`, {
    data: { email, password },
    headers: { origin: server.url },
  })
  assert.equal(answer.status(), 200)
  await page.goto(`${server.url}/#${route}`)
  return page
}
const texts = (page, name) => page.locator(id(name)).allInnerTexts()

test('somebody alone is told what to expect', async () => {
  const page = await windowOf(ada, '/activity')
  await page.waitForSelector(id('alone'))
  assert.deepEqual(await texts(page, 'person'), ['ada@example.org (you)'])
  assert.match(await page.innerText('main'), /Nothing yet/)
  assert.match(await page.innerText(id('messages')), /No messages yet/)
  await page.context().close()
})

test('two people see each other come, talk and go', async () => {
  const hers = await windowOf(ada, '/activity')
  await hers.waitForSelector(id('person'))
  const his = await windowOf(bob, '/activity')
  for (const page of [hers, his]) {
    await until(() => page.locator(id('person')).count(), 2, 'both are here')
  }
  await until(() => hers.locator(id('notice')).count(), 1, 'she is told that he came')

  await hers.keyboard.press('/')
  await hers.keyboard.type('Is the <b>small</b> alpha better?')
  await hers.keyboard.press('Enter')
  await until(() => his.locator(id('message')).count(), 1, 'he hears it')
  assert.match((await texts(his, 'message'))[0], /ada@example\.org[^]*Is the <b>small<\/b> alpha better\?/)
  assert.equal(await hers.inputValue(id('message-input')), '')

  await his.keyboard.press('g')
  await his.keyboard.press('e')
  await his.waitForURL(/experiments/)
  await hers.fill(id('message-input'), 'Look at the second run.')
  await hers.click(id('message-send'))
  await his.waitForSelector(id('fresh-activity'))
  assert.match(await his.innerText(id('fresh-activity')), /^1/)
  await his.click(id('nav-activity'))
  await until(() => his.locator(id('message')).count(), 2, 'what was said meanwhile')
  await until(() => his.locator(id('fresh-activity')).count(), 0, 'it was looked at')

  await his.context().close()
  await until(() => hers.locator(id('person')).count(), 1, 'he is gone')
  await until(() => hers.locator(id('notice')).count(), 2, 'and she is told')
  await hers.context().close()
})

test('what goes on appears by itself, can be narrowed, and is opened by keyboard', async () => {
  const page = await windowOf(ada, '/activity')
  await page.waitForSelector(id('people-panel'))
  await page.evaluate(() => (window.sameDocument = true))
  const experiment = await server.api.experiment('diabetes')
  const run = await server.api.run(experiment, 'slow-otter')
  const first = () => page.locator(id('happening')).first().innerText({ timeout: 1000 }).catch(() => '')
  await until(async () => /slow-otter[^]*started[^]*diabetes/.test(await first()), true, 'its start')
  await server.api.finish(run)
  await until(async () => /slow-otter[^]*finished/.test(await first()), true, 'its end')
  await server.api.post('registered-models/create', { name: 'enet' })
  await until(async () => /enet[^]*registered/.test(await first()), true, 'a model')

  await page.locator('.segment', { hasText: 'Runs' }).click()
  await until(() => page.locator(id('happening')).count(), 2, 'only the run')
  assert.equal(await page.evaluate(() => window.sameDocument), true, 'no navigation')
  await page.locator('h2').first().click()
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.waitForURL(new RegExp(run))
  await page.context().close()
})

test('the page passes WCAG AA in both themes', async () => {
  const axe = await readFile(new URL('./node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
  const page = await windowOf(ada, '/activity')
  await page.waitForSelector(id('happening'))
  await page.fill(id('message-input'), 'hello')
  await page.keyboard.press('Enter')
  await page.waitForSelector(id('message'))
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme })
    await page.evaluate(axe)
    const tags = ['wcag2a', 'wcag2aa', 'wcag21aa']
    const result = await page.evaluate((tags) => window.axe.run({ runOnly: tags }), tags)
    const found = result.violations.map((rule) => `${rule.id}: ${rule.nodes[0].html.slice(0, 160)}`)
    assert.deepEqual(found, [], colorScheme)
  }
  await page.context().close()
})

test('nothing complained on the console', () => {
  assert.deepEqual(complaints, [])
})
