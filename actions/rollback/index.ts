import { flag } from '../../shared/commands/step/inputs.ts'
import { rollback } from '../../shared/commands/rollback/rollback.ts'
import { rollbackFields, rollbackOutputs } from '../../shared/commands/rollback/rollback-fields.ts'
import { defineAction } from '../action.ts'
import { recoveryAlarm } from './recovery-alarm.ts'

export const action = defineAction({
  description: 'Brings the last good release back whole, configuration included, and gates it.',
  fields: {
    ...rollbackFields,
    'fail-if-recovered': flag(
      'With settle, for a schedule: fail when something was unfinished, also when it could be finished or undone, so that GitHub notifies.',
      { default: 'false' },
    ),
  },
  outputs: rollbackOutputs,
  main: rollback,
  alarm: (outcome, inputs) => (inputs['fail-if-recovered'] ? recoveryAlarm(outcome) : undefined),
})
