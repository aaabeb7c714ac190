import { backupDb } from '../../shared/commands/backup/backup-db.ts'
import { backupDbFields, backupDbOutputs } from '../../shared/commands/backup/backup-db-fields.ts'
import { defineAction } from '../action.ts'

export const action = defineAction({
  description:
    'Dumps the database, restores the dump elsewhere, compares, and only then counts it as a backup.',
  fields: backupDbFields,
  outputs: backupDbOutputs,
  timeoutMs: ({ timeout }) => timeout,
  main: backupDb,
})
