// Two people on one server: what goes on, who is here, and what they say to each other.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addPerson, brokenRules, startBrowser, startServer, until, windowOf as open } from './harness.mjs'

const ada = { email: 'ada@example.org', password: 'difference-engine' }
const bob = { email: 'bob@example.org', password: 'pascaline-1642' }
const id = (name) => `[data-testid="${name}"]`
let server, browser
const complaints = []

before(async () => {
  server = await startServer({ owner: ada })
  browser = await startBrowser()
  await addPerson(server, ada, bob)
})

after(async () => {
  await browser?.close()
  await server?.stop()
})

const windowOf = (person, route) => open({ server, browser, complaints }, person, route)
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
  const page = await windowOf(ada, '/activity')
  await page.waitForSelector(id('happening'))
  await page.fill(id('message-input'), 'hello')
  await page.keyboard.press('Enter')
  await page.waitForSelector(id('message'))
  assert.deepEqual(await brokenRules(page), [])
  await page.context().close()
})

test('nothing complained on the console', () => {
  assert.deepEqual(complaints, [])
})
