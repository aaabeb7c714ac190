import {
  preDeployCheck,
  preDeployCheckFields,
  preDeployCheckOutputs,
} from '../../shared/commands/check/pre-deploy-check.ts'
import { defineAction } from '../action.ts'

export const action = defineAction({
  description: 'Proves, before anything is changed, that a deploy can work, and so can its way back.',
  fields: preDeployCheckFields,
  outputs: preDeployCheckOutputs,
  timeoutMs: ({ timeout }) => timeout,
  main: preDeployCheck,
})
