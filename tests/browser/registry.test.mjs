// Models and prompts: two lists of one registry, and what each of them tells.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { brokenRules, startBrowser, startServer, until } from './harness.mjs'

let server, browser, page
const complaints = []
const id = (name) => `[data-testid="${name}"]`
const open = (route) => page.goto(`${server.url}/#${route}`)
const text = (where) => page.textContent(where).then((t) => t.trim())
const crumbs = () => page.getByRole('navigation', { name: 'Where you are' })
const isPrompt = { key: 'mlflow.prompt.is_prompt', value: 'true' }

/** As `mlflow.genai.register_prompt` does it. */
async function registerPrompt(name, template, commitMessage) {
  // There from its second version on.
  await server.api.post('registered-models/create', { name, tags: [isPrompt] }).catch(() => undefined)
  const tags = [isPrompt, { key: 'mlflow.prompt.text', value: template }, { key: '_mlflow_prompt_type', value: 'text' }]
  await server.api.post('model-versions/create', { name, source: 'dummy-source', description: commitMessage, tags })
}

before(async () => {
  server = await startServer()
  browser = await startBrowser()
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  page = await context.newPage()
  page.setDefaultTimeout(15_000)
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  await page.goto(server.link)
  await page.waitForSelector(id('nav-models'))
})

after(async () => {
  await browser?.close()
  await server?.stop()
})

test('a list without prompts teaches how to register one', async () => {
  await open('/models')
  await page.click(id('registry-tab-prompts'))
  await page.waitForURL('**/#/prompts')
  await page.waitForSelector(id('prompts-empty'))
  const code = await text(id('prompts-code'))
  assert.ok(code.includes('mlflow.genai.register_prompt(') && code.includes(`set_tracking_uri("${server.url}")`), code)
  assert.equal(await page.title(), 'Prompts · Branchline')
  assert.equal(await page.locator(id('nav-models')).getAttribute('aria-current'), 'page')
  assert.deepEqual(await brokenRules(page), [])
})

test('a prompt appears as it is registered, is filtered, opened by keyboard and led back from', async () => {
  await registerPrompt('answer', 'Answer {{question}} briefly.', 'The first try')
  const row = page.locator(id('model-row'))
  await row.waitFor()
  await registerPrompt('answer', 'Answer\n{{question}} in one word.', 'Shorter')
  await until(() => text(id('model-latest')), 'v2', 'the newest')
  assert.equal(await text(id('prompt-words')), 'Answer {{question}} in one word.')
  assert.match(await row.innerText(), /Shorter/)
  await registerPrompt('greet', 'Hello.', '')
  await until(() => row.count(), 2, 'both')
  await page.keyboard.press('/')
  await page.keyboard.type('answ')
  await until(() => row.count(), 1, 'one of them')
  await page.fill(id('models-filter'), "name = 'answer' OR name =")
  await page.waitForSelector(id('models-filter-error'))
  await page.fill(id('models-filter'), "name = 'answer' OR name = 'nobody'")
  await until(() => row.count(), 1, 'an expression keeps to prompts')
  await page.fill(id('models-filter'), 'nobody')
  await page.getByRole('button', { name: 'Clear the search' }).click()
  await until(() => row.count(), 2, 'all again')
  await page.click(`${id('model-row')}[data-name="answer"] td:nth-child(2)`)
  await page.keyboard.press('Enter')
  await page.waitForSelector(`${id('model-page')}[data-name="answer"]`)
  assert.match(await crumbs().innerText(), /Prompts\s*\/\s*answer/)
  await page.keyboard.press('Escape')
  await page.waitForURL('**/#/prompts')
  complaints.splice(0) // What was refused is told on the console.
})

test('a prompt shows what it says, and how it is loaded', async () => {
  await open('/prompts/answer')
  await page.waitForURL('**/#/models/answer')
  await until(() => text(id('prompt-text')), 'Answer\n{{question}} in one word.', 'its text')
  assert.match(await text(id('load-snippet')), /genai\.load_prompt\("prompts:\/answer\/2"\)/)
  assert.deepEqual(await page.locator(id('version-words')).allInnerTexts(), ['Answer {{question}} in one word.', 'Answer {{question}} briefly.'])
  assert.doesNotMatch(await text(id('version-facts')), /Source/)
  assert.deepEqual(await brokenRules(page), [])
})

test('the palette goes to prompts, and finds one by its words', async () => {
  await page.keyboard.press('Control+k')
  await page.locator(id('palette-input')).fill('go to prompts')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/#/prompts')
  await page.keyboard.press('Control+k')
  await page.locator(id('palette-input')).fill('in one word')
  await page.locator(`${id('palette-prompt')}[aria-selected="true"]`).waitFor()
  await page.keyboard.press('Enter')
  await page.waitForSelector(`${id('model-page')}[data-name="answer"]`)
})

test('models are no prompts, and neither list is wider than a narrow window', async () => {
  const name = 'a-model-whose-name-is-longer-than-its-column'
  const tags = ['team', 'owner', 'tier'].map((key) => ({ key, value: 'a long value of a tag' }))
  await server.api.post('registered-models/create', { name, tags, description: 'Many words about it. '.repeat(9) })
  await server.api.post('model-versions/create', { name, source: 's3://bucket/model' })
  for (const alias of ['champion-of-the-month', 'challenger-of-the-month', 'shadow'])
    await server.api.post('registered-models/alias', { name, alias, version: '1' })
  for (const width of [900, 1280]) {
    await page.setViewportSize({ width, height: 700 })
    for (const list of ['models', 'prompts']) {
      await open(`/${list}`)
      await page.waitForSelector(`${id(`${list}-table`)} ${id('model-row')}`)
      const beyond = await page.locator(id(`${list}-table`)).evaluate((table) => table.parentElement.scrollWidth - table.parentElement.clientWidth)
      assert.equal(beyond, 0, `${list} at ${width}`)
    }
    await open('/models')
    await until(() => page.locator(id('model-row')).count(), 1, 'the model alone')
    assert.match(await page.locator(id('model-row')).innerText(), /\+1/, 'the third alias is counted')
  }
  assert.deepEqual(await brokenRules(page), [])
})

test('nothing complained on the console', () => {
  assert.deepEqual(complaints, [])
})
