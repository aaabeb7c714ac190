import { settleInterrupted } from '../../shared/commands/recover/settle-interrupted.ts'
import { promote, promoteFields, promoteOutputs } from '../../shared/commands/promote/promote.ts'
import { defineAction } from '../action.ts'

export const action = defineAction({
  description:
    'The whole promotion of one environment: checks, backup, deploy, gate, smoke test, and the rollback when one of them fails.',
  fields: promoteFields,
  outputs: promoteOutputs,
  main: (environment, _inputs, ports, { read, report }) => promote(environment, read, ports, report),
  post: { condition: 'always()', run: settleInterrupted },
})
