import { smokeTest, smokeTestFields, smokeTestOutputs } from '../../shared/commands/verify/smoke-test.ts'
import { defineAction } from '../action.ts'

export const action = defineAction({
  description:
    'Sends a suite of requests and a bounded load, and says whether the answers were what they have to be.',
  fields: smokeTestFields,
  outputs: smokeTestOutputs,
  main: smokeTest,
})
