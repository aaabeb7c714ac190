import {
  healthCheckOutputs,
  healthWatch,
  healthWatchFields,
} from '../../shared/commands/watch/health-check.ts'
import { defineAction } from '../action.ts'

export const action = defineAction({
  description: 'Looks whether the service is well, and tells when that has changed since the run before.',
  fields: healthWatchFields,
  outputs: healthCheckOutputs,
  main: healthWatch,
})
