// Settings of the network: what they mean, what is refused, and that they wait for the next start.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { brokenRules, startBrowser, startServer, until } from './harness.mjs'

const owner = { email: 'ada@example.org', password: 'difference-engine' }
const id = (name) => `[data-testid="${name}"]`
let server, browser, page

before(async () => {
  server = await startServer({ owner })
  browser = await startBrowser()
  page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage()
  page.setDefaultTimeout(15_000)
  const answer = await page.request.post(`${server.url}/api/v1/session`, {
    data: owner,
    headers: { origin: server.url },
  })
  assert.equal(answer.status(), 200)
  await page.goto(`${server.url}/#/settings/network`)
  await page.waitForSelector(id('network-form'))
})

after(async () => {
  await browser?.close()
  await server?.stop()
})

test('a wrong value is refused where it stands, and a right one waits for the next start', async () => {
  assert.ok(await page.locator(id('network-save')).isDisabled(), 'nothing to save yet')
  await page.fill(id('server.cors_allowed_origins'), 'localhost:5173')
  await page.click(id('network-save'))
  await page.waitForSelector(id('error-state'))
  assert.match(await page.innerText(id('error-state')), /no address/)
  await page.fill(id('server.cors_allowed_origins'), 'http://localhost:5173')
  await page.click(id('network-save'))
  await page.waitForSelector(id('network-kept'))
  assert.match(await page.innerText(id('network-kept')), /config\.toml[^]*next start/)
  await page.reload()
  await until(
    () => page.inputValue(id('server.cors_allowed_origins')),
    'http://localhost:5173',
    'it was kept',
  )
})

test('opening it to a network without a certificate is warned of', async () => {
  await page.fill(id('server.host'), '0.0.0.0')
  assert.match(await page.innerText(id('network-warning')), /readable by others/)
  await page.fill(id('server.host'), '127.0.0.1')
  await until(() => page.locator(id('network-warning')).count(), 0, 'no warning')
})

test('the page passes WCAG AA in both themes', async () => {
  await page.fill(id('server.host'), '0.0.0.0')
  assert.deepEqual(await brokenRules(page), [])
})
