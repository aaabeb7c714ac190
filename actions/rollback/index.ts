import { rollback } from '../../shared/commands/rollback/rollback.ts'
import { rollbackFields, rollbackOutputs } from '../../shared/commands/rollback/rollback-fields.ts'
import { defineAction } from '../action.ts'

export const action = defineAction({
  description: 'Brings the last good release back whole, configuration included, and gates it.',
  fields: rollbackFields,
  outputs: rollbackOutputs,
  main: rollback,
})
