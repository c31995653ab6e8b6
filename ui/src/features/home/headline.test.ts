import { expect, it } from 'vitest'
import { headlineMetric } from './headline'

it('prefers the loss of validation, then any loss', () => {
  expect(headlineMetric(['acc', 'loss', 'val/loss'])).toBe('val/loss')
  expect(headlineMetric(['eval_loss', 'loss'])).toBe('eval_loss')
  expect(headlineMetric(['acc', 'train/loss'])).toBe('train/loss')
})

it('then what validation says, then the first by name, whatever came first', () => {
  expect(headlineMetric(['rmse', 'val_acc'])).toBe('val_acc')
  expect(headlineMetric(['rmse', 'mae'])).toBe('mae')
})

it('takes figures of the machine only when there is nothing else', () => {
  expect(headlineMetric(['system/cpu', 'rmse'])).toBe('rmse')
  expect(headlineMetric(['system/cpu'])).toBe('system/cpu')
  expect(headlineMetric([])).toBeUndefined()
})
