import { promote, promoteFields, promoteOutputs } from '../../shared/commands/promote/promote.ts'
import { defineAction } from '../action.ts'

export const action = defineAction({
  description:
    'The whole promotion of one environment: checks, backup, deploy, gate, smoke test, and the way back.',
  fields: promoteFields,
  outputs: promoteOutputs,
  main: (environment, _inputs, ports, { read, report }) => promote(environment, read, ports, report),
})
