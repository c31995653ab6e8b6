import { expect, it } from 'vitest'
import { systemTags, tagsPatch, visibleTags } from './tags'

const tags = {
  team: 'vision',
  'mlflow.user': 'ada',
  alpha: '1',
  'mlflow.note.content': 'x',
  _mlflow_prompt_type: 'chat',
}

it('shows what people set and keeps what mlflow set apart', () => {
  expect(visibleTags(tags).map(([key]) => key)).toEqual(['alpha', 'team'])
  expect(systemTags(tags)).toEqual([
    ['_mlflow_prompt_type', 'chat'],
    ['mlflow.user', 'ada'],
  ])
})

it('sends only what changed, and leaves system tags alone', () => {
  expect(
    tagsPatch(tags, [
      ['team', 'audio'],
      ['new', ''],
    ]),
  ).toEqual({ alpha: null, team: 'audio', new: '' })
  expect(tagsPatch(tags, visibleTags(tags))).toEqual({})
})
