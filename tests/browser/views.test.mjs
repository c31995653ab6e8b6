// What the runs of an experiment show, and those of all, kept under names; by keyboard alone.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { brokenRules, startBrowser, startServer, until } from './harness.mjs'

let server, browser, page, experiment
const id = (name) => `[data-testid="${name}"]`
const ofExperiment = (name) => `/experiments/${name}`
const open = (route, query = '') => page.goto(`${server.url}/#${route}${query}`)
const focused = () => page.evaluate(() => document.activeElement?.getAttribute('data-testid'))
const rows = () => page.locator(id('run-row')).count()
const columns = () => page.locator('[data-testid^="sort-"]').evaluateAll((all) => all.map((one) => one.dataset.testid))

before(async () => {
  server = await startServer()
  browser = await startBrowser()
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  page = await context.newPage()
  page.setDefaultTimeout(15_000)
  experiment = await server.api.experiment('views')
  for (const [name, depth] of [['good', '1'], ['better', '2'], ['best', '2']]) {
    const run = await server.api.run(experiment, name)
    await server.api.param(run, 'depth', depth)
  }
  await page.goto(server.link)
  await page.waitForSelector(id('nav-experiments'))
})

after(async () => {
  await browser?.close()
  await server?.stop()
})

const places = [
  ['an experiment', () => ofExperiment(experiment)],
  ['all experiments', () => '/runs'],
]
for (const [name, route] of places) {
  test(`a view of the runs of ${name} is saved, shown again and forgotten, by keyboard`, async () => {
    const filter = encodeURIComponent("params.depth = '2'")
    await open(route(), `?filter=${filter}&order=params.%60depth%60+ASC`)
    await until(rows, 2, 'filtered')
    await page.click(id('columns-open'))
    await page.check(id('column-params.depth'))
    await page.uncheck(id('column-status'))
    await page.keyboard.press('Escape')
    await until(() => columns().then((all) => all.includes('sort-params.depth')), true, 'a column more')
    const few = await columns()
    assert.ok(!few.includes('sort-status'), `${few}`)

    await page.focus(id('views'))
    await page.keyboard.press('Enter')
    await until(focused, 'view-name', 'the name is asked for')
    const saved = page.waitForResponse((r) => r.url().endsWith('/preferences') && r.request().method() === 'PATCH')
    await page.keyboard.type('deep ones')
    await page.keyboard.press('Enter')
    await saved
    assert.equal(await page.getAttribute(id('view'), 'aria-current'), 'true', 'it is what is shown')
    await page.keyboard.press('Escape')
    await until(focused, 'views', 'where one was')

    await open(route())
    await page.reload()
    await until(rows, 3, 'all of them')
    await page.click(id('columns-open'))
    await page.check(id('column-status'))
    await page.keyboard.press('Escape')
    await until(() => columns().then((all) => all.includes('sort-status')), true, 'another column')
    await page.focus(id('views'))
    await page.keyboard.press('Enter')
    await until(focused, 'view', 'the view has the focus')
    assert.equal(await page.getAttribute(id('view'), 'aria-current'), null, 'something else is shown')
    await page.keyboard.press('Enter')
    await until(rows, 2, 'filtered again')
    assert.equal(await page.inputValue(id('filter-input')), "params.depth = '2'")
    assert.match(page.url(), /order=params/)
    assert.deepEqual(await columns(), few)

    await page.focus(id('views'))
    await page.keyboard.press('Enter')
    await until(focused, 'view', 'open again')
    await page.keyboard.press('Tab')
    await until(focused, 'view-forget', 'beside it')
    await page.keyboard.press('Enter')
    await until(() => page.locator(id('view')).count(), 0, 'forgotten')
    assert.equal(await focused(), 'view-name', 'the focus is not lost')
  })
}

test('each experiment has views of its own, and so has the page of all runs', async () => {
  const names = () => page.locator(id('view')).allInnerTexts().then(String)
  const openViews = async (route) => {
    await open(route)
    await page.reload()
    await page.click(id('views'))
    await page.waitForSelector(id('view-name'))
  }
  const other = await server.api.experiment('other')
  await server.api.run(other, 'alone')
  await openViews(ofExperiment(experiment))
  await page.fill(id('view-name'), 'only here')
  await page.click(id('view-save'))
  await until(names, 'only here', 'it is named')
  for (const route of [ofExperiment(other), '/runs']) {
    await openViews(route)
    assert.equal(await names(), '', route)
  }
  await openViews(ofExperiment(experiment))
  assert.equal(await names(), 'only here')
})

test('what was named a moment before the page went is not lost', async () => {
  const name = async (text) => {
    await page.click(id('views'))
    await page.fill(id('view-name'), text)
    await page.click(id('view-save'))
  }
  await open('/runs')
  await page.reload()
  await name('in haste')
  // What the browser itself remembers is shown until the server's word is there.
  const told = page.waitForResponse((r) => r.url().endsWith('/preferences') && r.request().method() === 'GET')
  await page.reload()
  await told
  await page.click(id('views'))
  await page.waitForSelector(id('view-name'))
  await until(() => page.locator(id('view')).allInnerTexts().then(String), 'in haste', 'it was kept')
  assert.deepEqual(await brokenRules(page), [], 'while the views are shown')
  await page.reload()

  await name('in more haste')
  await page.goto('about:blank')
  const another = await page.context().newPage()
  await another.goto(server.url)
  const kept = () => another.evaluate(() => fetch('/api/v1/preferences').then((answer) => answer.json()))
  const names = () => kept().then((all) => Object.keys(all['experiment.all.views']).join())
  await until(names, 'in haste,in more haste', 'the server has it')
})

test('a filter that nothing matches is cleared where one reads so, and cut words are told on hover', async () => {
  await open(ofExperiment(experiment), `?filter=${encodeURIComponent("params.depth = '9'")}`)
  await page.getByRole('button', { name: 'Clear the filter' }).click()
  await until(rows, 3, 'all of them')
  const long = 'an experiment whose name has no room in any column '.repeat(4).trim()
  await server.api.experiment(long)
  await open('/experiments')
  const name = page.locator('td.truncate', { hasText: long })
  await name.evaluate((cell) => cell.querySelector('[title]')?.removeAttribute('title'))
  await name.hover()
  await until(() => name.getAttribute('title'), long, 'told whole')
  await page.keyboard.press('n')
  await page.getByRole('dialog', { name: 'New experiment' }).waitFor()
  await page.keyboard.press('Escape')
})
