import { deploy } from '../../shared/commands/deploy/deploy.ts'
import { deployFields, deployOutputs } from '../../shared/commands/deploy/deploy-fields.ts'
import { finish } from '../../shared/commands/promote/finish.ts'
import { defineAction } from '../action.ts'

export const action = defineAction({
  description:
    'Makes a release ready to serve, recorded so that it can be brought back; good once its job succeeded.',
  fields: deployFields,
  outputs: deployOutputs,
  timeoutMs: ({ timeout }) => timeout,
  main: deploy,
  post: { condition: 'success()', run: finish },
})
