import { healthGate, healthGateFields, healthGateOutputs } from '../../shared/commands/verify/health-gate.ts'
import { defineAction } from '../action.ts'

export const action = defineAction({
  description: 'Probes the service until it is certain whether it is well: pass, fail, or inconclusive.',
  fields: healthGateFields,
  outputs: healthGateOutputs,
  main: healthGate,
})
