import {
  checkInputs,
  checkInputsFields,
  checkInputsOutputs,
} from '../../shared/commands/check/check-inputs.ts'
import { parseInputs } from '../../shared/commands/step/inputs.ts'
import { defineAction } from '../action.ts'

export const action = defineAction({
  description: 'Checks everything that a release was given, before any job runs tests, builds or deploys.',
  fields: checkInputsFields,
  outputs: checkInputsOutputs,
  engine: 'when-given',
  main: (environment, _inputs, ports, { read }) =>
    checkInputs(environment, parseInputs(checkInputsFields, read), ports, read('image')),
})
