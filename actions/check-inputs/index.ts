import { checkInputs, checkInputsFields, checkInputsOutputs } from '../../shared/steps/check-inputs.ts'
import { parseInputs } from '../../shared/steps/inputs.ts'
import { defineAction } from '../action.ts'

export const action = defineAction({
  description: 'Checks everything that a release was given, before any job runs tests, builds or deploys.',
  fields: checkInputsFields,
  outputs: checkInputsOutputs,
  main: (environment, _inputs, ports, { read }) =>
    checkInputs(environment, parseInputs(checkInputsFields, read), ports, read('image')),
})
