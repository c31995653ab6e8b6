import { expect, it } from 'vitest'
import { environmentLines } from './connection'

it('quotes what a shell would split', () => {
  expect(
    environmentLines({ MLFLOW_TRACKING_URI: 'http://127.0.0.1:5005', NAME: "it's here" }),
  ).toBe("export MLFLOW_TRACKING_URI=http://127.0.0.1:5005\nexport NAME='it'\\''s here'")
})
