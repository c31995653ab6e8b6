// The API's documentation in a real browser that reaches nothing but the server.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startBrowser, startServer } from './harness.mjs'

const owner = { email: 'ada@example.org', password: 'difference-engine' }
let server, browser
const complaints = []
const id = (name) => `[data-testid="${name}"]`

before(async () => {
  server = await startServer({ owner })
  browser = await startBrowser()
})

after(async () => {
  await browser?.close()
  await server?.stop()
})

/** A page of a stranger, for whom every address elsewhere is a complaint. */
async function visit(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  await context.route('**/*', (route) => {
    const url = route.request().url()
    if (url.startsWith(server.url) || /^(data|blob):/.test(url)) return route.continue()
    complaints.push(`asked for ${url}`)
    return route.abort()
  })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('deep link whitespace'))
      complaints.push(message.text())
  })
  return page
}

test('a stranger authorizes with user and password and tries an operation out', async () => {
  const page = await visit()
  await page.goto(`${server.url}/docs#/users/read_me`)
  const operation = page.locator('#operations-users-read_me')
  await operation.locator('.execute').click()
  await operation.locator('.live-responses-table .response-col_status').filter({ hasText: '401' }).waitFor()
  complaints.length = 0 // The refusal is told on the console.

  await page.locator('.authorize').first().click()
  const form = page.locator('.auth-container').filter({ hasText: 'OAuth2' })
  await form.locator('#oauth_username').fill(owner.email)
  await form.locator('#oauth_password').fill(owner.password)
  await form.locator('.authorize').click()
  await form.getByText('logout', { exact: false }).first().waitFor()
  await page.locator('.btn-done').first().click()

  await operation.locator('.execute').click()
  const answer = operation.locator('.live-responses-table')
  await answer.locator('.response-col_status').filter({ hasText: '200' }).waitFor()
  assert.match(await answer.textContent(), /ada@example\.org/)
  const curl = await operation.locator('.curl-command').textContent()
  assert.match(curl, /Authorization: Bearer/)
  await page.context().close()
})

test('a bearer token authorizes, too', async () => {
  const page = await visit()
  await page.goto(`${server.url}/docs#/session/get_session`)
  const told = await page.locator('.info .description').innerText()
  assert.match(told, /Authorize[^]*Settings → Tokens[^]*branchline tokens create/, 'where to get one')
  await page.locator('.authorize').first().click()
  const form = page.locator('.auth-container').filter({ hasText: 'Bearer' }).last()
  await form.locator('input').fill(server.token)
  await form.locator('.authorize').click()
  await page.locator('.btn-done').first().click()
  const operation = page.locator('#operations-session-get_session')
  await operation.locator('.execute').click()
  await operation.locator('.live-responses-table .response-col_status').filter({ hasText: '200' }).waitFor()
  await page.context().close()
})

test('the reference finds an operation by a part of its path, and the document can be kept', async () => {
  const page = await visit()
  await page.goto(`${server.url}/redoc`)
  await page.fill('[role="search"] input', 'register-model')
  const found = page.locator('[data-role="search:results"] [role="menuitem"]').first()
  await found.waitFor()
  await found.click()
  await page.waitForURL(/register_model_of_run/)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.locator('.bar').getByText('openapi.json').click(),
  ])
  assert.equal(download.suggestedFilename(), 'openapi.json')
  await page.context().close()
})

test('both look as the window does', async () => {
  const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  for (const path of ['/docs', '/redoc']) {
    const page = await visit({ colorScheme: 'dark' })
    await page.goto(server.url + path)
    assert.equal(await background(page), 'rgb(14, 16, 20)', 'dark as the system')
    await page.evaluate(() => localStorage.setItem('branchline.preferences', '{"theme":"light"}'))
    await page.reload()
    assert.equal(await background(page), 'rgb(255, 255, 255)', 'light as chosen')
    await page.context().close()
  }
})

test('the palette and the settings lead there', async () => {
  const page = await visit()
  const signedIn = await page.request.post(`${server.url}/api/v1/session`, {
    data: { email: owner.email, password: owner.password },
    headers: { origin: server.url },
  })
  assert.equal(signedIn.status(), 200)
  await page.goto(`${server.url}/#/settings/about`)
  const opens = async (act) => {
    const [other] = await Promise.all([page.context().waitForEvent('page'), act()])
    await other.waitForLoadState()
    const { pathname } = new URL(other.url())
    await other.close()
    return pathname
  }
  assert.equal(await opens(() => page.click(id('about-docs'))), '/docs')
  const byPalette = async () => {
    await page.keyboard.press('Control+k')
    await page.keyboard.type('api reference')
    await page.keyboard.press('Enter')
  }
  assert.equal(await opens(byPalette), '/redoc')
  await page.context().close()
})

test('nothing complained, and nothing was asked for elsewhere', () => {
  assert.deepEqual(complaints, [])
})
