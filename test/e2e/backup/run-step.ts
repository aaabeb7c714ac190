/*
 * A step in a process of its own, to be killed: `node run-step.ts backup-db|restore-db JSON`, where JSON has the
 * environment and the inputs. Each line that the step logs is written to standard output as it comes.
 */
import type { Environment } from '../../../shared/config/environment.ts'
import { backupDb } from '../../../shared/commands/backup/backup-db.ts'
import { backupDbFields } from '../../../shared/commands/backup/backup-db-fields.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { restoreDb, restoreDbFields } from '../../../shared/commands/backup/restore-db.ts'
import { realPorts } from '../gate/ports.ts'
import { logTo } from '../../log.ts'

const [, , step, json = ''] = process.argv
const { environment, inputs } = JSON.parse(json) as {
  environment: Environment
  inputs: Record<string, string>
}
const say = (line: string) => void process.stdout.write(`${line}\n`)
const ports = realPorts({
  log: logTo(say),
})
const read = (name: string) => inputs[name] ?? ''
const outcome =
  step === 'backup-db'
    ? await backupDb(environment, parseInputs(backupDbFields, read), ports)
    : await restoreDb(environment, parseInputs(restoreDbFields, read), ports)
say(`${outcome.status}: ${outcome.summary}`)
