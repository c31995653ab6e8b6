// Somebody who is no superuser: what they are led to works, and what is not for them says so.
// And what a superuser can do to everybody.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addPerson, brokenRules, startBrowser, startServer, windowOf as open } from './harness.mjs'

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

async function windowOf(person, route) {
  const page = await open({ server, browser, complaints }, person, route)
  page.on('response', (answer) => {
    if (answer.status() === 403) complaints.push(`${answer.url()} was refused`)
  })
  await page.waitForSelector(id('nav-home'))
  return page
}

/** The pages to which the sidebar leads, and those to which the palette does. */
async function offers(page) {
  const rooms = await page.locator('nav[aria-label="Rooms"] a').evaluateAll((all) => all.map((one) => one.dataset.testid))
  await page.keyboard.press('Control+k')
  await page.keyboard.type('go to')
  await page.waitForSelector(id('palette-command'))
  const commands = await page.locator(id('palette-command')).allInnerTexts()
  await page.keyboard.press('Escape')
  return { rooms, commands: commands.join('\n') }
}

test('a superuser is led to jobs and projects, and nobody else', async () => {
  const hers = await offers(await windowOf(ada, '/'))
  const his = await offers(await windowOf(bob, '/'))
  const others = hers.rooms.filter((room) => !his.rooms.includes(room))
  assert.deepEqual(others, ['nav-jobs', 'nav-projects'])
  for (const page of ['Jobs', 'Schedules', 'Monitor', 'Projects']) {
    assert.match(hers.commands, new RegExp(`Go to ${page}`))
    assert.doesNotMatch(his.commands, new RegExp(`Go to ${page}`))
  }
  assert.match(his.commands, /Go to Items/)
})

test('whoever comes by a link is told why, and asked for nothing', async () => {
  const page = await windowOf(bob, '/')
  for (const route of ['/jobs', '/jobs?job=1', '/jobs/schedules', '/jobs/monitor', '/projects', '/projects/1']) {
    await page.goto(`${server.url}/#/`)
    await page.goto(`${server.url}/#${route}`)
    const told = await page.locator(id('for-superusers')).innerText()
    assert.match(told, /only superusers/, route)
  }
  assert.deepEqual(await brokenRules(page), [])
  await page.context().close()
})

test('every page that is offered can be read', async () => {
  const page = await windowOf(bob, '/')
  const { rooms } = await offers(page)
  for (const room of rooms) {
    await page.click(id(room))
    await page.waitForLoadState('networkidle')
    assert.equal(await page.locator(id('error-state')).count(), 0, room)
  }
  for (const section of await page.locator('nav[aria-label="Settings"] a').all()) {
    await section.click()
    await page.waitForLoadState('networkidle')
    assert.equal(await page.locator(id('error-state')).count(), 0, await section.innerText())
  }
  await page.context().close()
})

test('a superuser signs everybody out, and has to sign in again, too', async () => {
  const his = await windowOf(bob, '/settings/sessions')
  assert.equal(await his.locator(id('sessions-end-all')).count(), 0)
  const hers = await windowOf(ada, '/settings/sessions')
  const before = complaints.length
  await hers.click(id('sessions-end-all'))
  await hers.click(id('confirm'))
  for (const page of [hers, his]) await page.waitForURL(/signin/)
  // The browser tells of each 401.
  complaints.length = before
})

test('nothing complained, and nothing was refused', () => {
  assert.deepEqual(complaints, [])
})
