import { restoreDb, restoreDbFields, restoreDbOutputs } from '../../shared/commands/backup/restore-db.ts'
import { defineAction } from '../action.ts'

export const action = defineAction({
  description: 'Restores a backup beside the live database, compares it, then swaps the two by name.',
  fields: restoreDbFields,
  outputs: restoreDbOutputs,
  timeoutMs: ({ timeout }) => timeout,
  main: restoreDb,
})
