import { describe, expect, it } from 'vitest'
import type { ModelVersion, RegisteredModel } from '@/api/types'
import {
  aliasProblem,
  aliasSlot,
  goesWithModel,
  isPrompt,
  loadSnippet,
  modelFilter,
  modelSnippet,
  modelUri,
  problemAt,
  promptSnippet,
  promptText,
  promptWords,
  registerSnippet,
  statusWord,
} from './registry'

const version = (number: number, more: Partial<ModelVersion> = {}): ModelVersion => ({
  name: 'fraud',
  version: number,
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
  stage: 'None',
  source: 's',
  status: 'READY',
  aliases: [],
  tags: {},
  ...more,
})
const model: RegisteredModel = {
  name: 'fraud',
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
  rev: 1,
  tags: {},
  aliases: [{ alias: 'champion', version: 2 }],
  latest_version: 2,
  version_count: 2,
}

describe('modelFilter', () => {
  it('looks for a part of the name when plain words stand there', () => {
    expect(modelFilter('  fraud net ')).toBe("name ILIKE '%fraud net%'")
    expect(modelFilter('named')).toBe("name ILIKE '%named%'")
    expect(modelFilter("o'brien")).toBe('name ILIKE "%o\'brien%"')
    expect(modelFilter('   ')).toBeUndefined()
  })
  it('leaves expressions as they are', () => {
    for (const text of [
      "name LIKE 'f%'",
      "tags.team = 'search'",
      "tag.`my key`!='x'",
      "(name = 'a')",
      "name NOT IN ('a')",
      'tags.stage IS NULL',
    ]) {
      expect(modelFilter(text)).toBe(text)
      expect(problemAt(text, 3, 'models')).toBe(3)
    }
    expect(problemAt('filename', 3, 'models')).toBeUndefined()
  })
  it('asks for prompts by their tag, beside what was typed', () => {
    const prompts = "tags.`mlflow.prompt.is_prompt` = 'true'"
    expect(modelFilter(' ', 'prompts')).toBe(prompts)
    expect(modelFilter('ans', 'prompts')).toBe(`(name ILIKE '%ans%') AND ${prompts}`)
    const either = "name = 'a' OR name = 'b'"
    expect(modelFilter(either, 'prompts')).toBe(`(${either}) AND ${prompts}`)
    expect(problemAt(either, 4, 'prompts')).toBe(3)
  })
})

describe('the way to load a version', () => {
  it('names the alias when there is one', () => {
    expect(modelUri('fraud', version(3, { aliases: ['champion', 'b'] }))).toBe(
      'models:/fraud@champion',
    )
    expect(modelUri('fraud', version(3))).toBe('models:/fraud/3')
  })
  it('is Python, whatever the name holds', () => {
    expect(loadSnippet('models:/a"b/1')).toBe(
      'import mlflow\nmodel = mlflow.pyfunc.load_model("models:/a\\"b/1")',
    )
  })
})

describe('a prompt', () => {
  it('is told by its tag, and loaded as one', () => {
    expect(isPrompt({ 'mlflow.prompt.is_prompt': 'True' })).toBe(true)
    expect(isPrompt({ team: 'core' })).toBe(false)
    expect(promptSnippet('models:/answer@live')).toBe(
      'import mlflow\nprompt = mlflow.genai.load_prompt("prompts:/answer@live")',
    )
  })
  it('shows what it says, messages one below the other', () => {
    expect(promptText({})).toBeUndefined()
    expect(promptText({ 'mlflow.prompt.text': '[1]' })).toBe('[1]')
    const chat = (text: string) => ({ 'mlflow.prompt.text': text, _mlflow_prompt_type: 'chat' })
    expect(promptText(chat('[1]'))).toBe('[\n  1\n]')
    expect(promptText(chat('no JSON'))).toBe('no JSON')
  })
  it('is one line of words in a table, however much of it is there', () => {
    expect(promptWords('  Answer\n  {{question}}. ')).toBe('Answer {{question}}.')
    const chat =
      '[{"role": "system", "content": "Be \\"kind\\"."}, {"role": "user", "content": "{{q}} and the en'
    expect(promptWords(chat)).toBe('Be "kind". · {{q}} and the en')
    expect(promptWords('[{"role": "user", "content": "cut \\')).toBe('cut')
    expect(promptWords('[\n  {\n "content": "a"}]')).toBe('a')
    expect(promptWords('[{"role": 1}]')).toBe('[{"role": 1}]')
  })
  it('is made by a few lines of Python, as a model is', () => {
    expect(modelSnippet('http://h:1')).toContain('set_tracking_uri("http://h:1")\n\nwith mlflow')
    expect(registerSnippet('http://h:1')).toContain(
      'set_tracking_uri("http://h:1")\n\nmlflow.genai',
    )
  })
})

it('refuses the aliases that the server refuses', () => {
  expect(aliasProblem('champion-2')).toBeUndefined()
  expect(aliasProblem('größe')).toBeUndefined()
  expect(aliasProblem('a b')).toContain('only')
  expect(aliasProblem('Latest')).toContain('newest')
  expect(aliasProblem('v12')).toContain('number')
  expect(aliasProblem('v12b')).toBeUndefined()
  expect(aliasProblem('')).toBeUndefined()
})

it('gives an alias the same colour each time, within the slots', () => {
  expect(aliasSlot('champion', 8)).toBe(aliasSlot('champion', 8))
  for (const alias of ['a', 'challenger', '模型']) {
    expect(aliasSlot(alias, 8)).toBeGreaterThanOrEqual(0)
    expect(aliasSlot(alias, 8)).toBeLessThan(8)
  }
})

describe('what goes with a model', () => {
  it('is each version with its aliases and run when they are known', () => {
    const versions = [version(2, { aliases: ['champion'], run_name: 'calm-moss' }), version(1)]
    expect(goesWithModel(model, versions)).toEqual([
      'Version 2 @champion from calm-moss',
      'Version 1',
    ])
  })
  it('is how many, otherwise', () => {
    expect(goesWithModel(model)).toEqual(['2 versions', '@champion of version 2'])
  })
})

it('has a word for what is not ready', () => {
  expect(statusWord('READY')).toBeUndefined()
  expect(statusWord('PENDING_REGISTRATION')).toBe('pending')
  expect(statusWord('FAILED_REGISTRATION')).toBe('failed')
})
