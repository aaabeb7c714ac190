import { listBackups, newestBackup, type Owner } from '../../backup/storage/catalog.ts'
import { findPrograms } from '../../backup/dump/find-programs.ts'
import { requireQuery } from '../../backup/verify/question.ts'
import { isWhole, readNames, type Scope } from '../../backup/dump/scope.ts'
import { chooseSealing } from '../../backup/encryption/sealing.ts'
import { readDatabase, readVersion } from '../../backup/dump/snapshot.ts'
import type { DumpRequest } from '../../backup/dump/take.ts'
import { requireTemporaryRoom } from '../../backup/verify/local-server.ts'
import {
  mayCreateDatabases,
  planVerification,
  type Verification,
} from '../../backup/verify/plan-verification.ts'
import {
  readSurroundings,
  resolveDatabase,
  resolveStore,
  secretVariables,
  sharesStoreKeys,
  type Surroundings,
} from '../../backup/storage/where.ts'
import type { Store } from '../../backup/storage/store.ts'
import { chooseSigning, readingOf, unsignedFinding } from '../../backup/encryption/trust.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import { connect, quoteIdentifier } from '../../integrations/database/postgres.ts'
import { requireOwnSession } from '../../integrations/database/postgres-pooler.ts'
import { parsePostgresUrl, type PostgresServer } from '../../integrations/database/postgres-url.ts'
import type { Environment } from '../../config/environment.ts'
import type { Address } from '../../targets/tunnel.ts'
import type { BackupDbInputs } from './backup-db-fields.ts'
import type { Ports } from '../step/ports.ts'
import { retentionOf, type Retaining } from './retain.ts'

/** All that a backup takes, found out before anything is dumped. */
export interface BackupPlan extends DumpRequest, Retaining {
  environment: Environment
  /** When the newest verified one of before was taken, ISO 8601; undefined when there is none. */
  before: string | undefined
  keep: 'long' | 'short'
  /** What does not keep the backup from being taken, and has to be seen to. */
  findings: Evidence[]
  verification: Verification
}

/** @throws InputError or ToolError when something is missing that the backup, or its proof, takes */
export async function planBackup(
  environment: Environment,
  inputs: BackupDbInputs,
  ports: Ports,
  via: Address | undefined,
): Promise<BackupPlan> {
  const surroundings = readSurroundings(environment, ports.env)
  const server = resolveDatabase(surroundings, inputs['database-url'], via)
  const verifyServer =
    inputs['verify-url'] === '' ? undefined : parsePostgresUrl('verify-url', inputs['verify-url'], ports.env)
  for (const { password } of [server, ...(verifyServer ? [verifyServer] : [])]) ports.secrets.add(password)
  for (const value of secretVariables(surroundings)) ports.secrets.add(value)
  for (const name of ['encrypt-passphrase', 'decrypt-with', 'signing-key'] as const)
    if (inputs[name] !== '') ports.secrets.add(inputs[name])
  const reading = readingOf(environment, ports)
  const signing = chooseSigning(reading, inputs['signing-key'])
  const store = await resolveStore(surroundings, inputs.destination)
  const owner: Owner = { service: environment.service, environment: environment.name }
  const scope: Scope = {
    schemas: readNames(inputs.schemas),
    excludeSchemas: readNames(inputs['exclude-schemas']),
    tables: readNames(inputs.tables),
    excludeTables: readNames(inputs['exclude-tables']),
    excludeData: readNames(inputs['exclude-data']),
    largeObjects: inputs['large-objects'] === 'include',
  }
  const image = environment.backup?.postgresImage ?? ''
  const query = inputs['verify-query'] || (environment.backup?.verifyQuery ?? '')
  await requireOwnSession('The address of the database', server, { signal: ports.signal })
  const source = { server, session: await connect(server, { signal: ports.signal }) }
  const { programs, verification, mayCreate } = await planProof().finally(() => source.session.close())
  const configured = environment.backup?.encryptTo ?? []
  const sealing = await chooseSealing(ports, {
    encryptTo: inputs['encrypt-to'] || (inputs['encrypt-passphrase'] === '' ? configured.join(' ') : ''),
    where: whereOf(inputs['encrypt-to'], 'encrypt-to'),
    passphrase: inputs['encrypt-passphrase'],
    identity: inputs['decrypt-with'],
  })
  const listed = await listBackups(store, owner, ports.signal)
  const before = await newestBackup(store, owner, reading)
  return {
    environment,
    before: before?.manifest.takenAt,
    keep: inputs['keep-long'] ? 'long' : 'short',
    findings: [
      ...restoreFindings(server, mayCreate),
      ...keyFindings(surroundings, store),
      ...(signing ? [] : [unsignedFinding]),
    ],
    owner,
    server,
    store,
    programs,
    run: ports.run,
    sealing,
    signing,
    taken: new Set(listed.map(({ key }) => key)),
    verification,
    query,
    scope: isWhole(scope) ? undefined : scope,
    retention: retentionOf(environment, {
      days: inputs['retention-days'],
      keepAtLeast: inputs['keep-at-least'],
    }),
  }

  async function planProof() {
    const { major } = await readVersion(source.session)
    if (query !== '')
      await requireQuery(source.session, whereOf(inputs['verify-query'], 'verify-query'), query)
    const programs = await findPrograms(ports, major, image)
    const wish = { how: inputs.verify, on: verifyServer, freeDisk: inputs['verify-free-disk'], image }
    const verification = await planVerification(ports, wish, programs, { ...source, major })
    const onThisMachine = verification.how === 'restore' && verification.on === 'temporary-server'
    // How much a part will take is known only once it is dumped.
    if (onThisMachine && verification.place.kind === 'sandbox' && isWhole(scope))
      await requireTemporaryRoom(ports.env, (await readDatabase(source.session)).size)
    return { programs, verification, mayCreate: await mayCreateDatabases(source.session) }
  }

  /** The input, or the place in the runbook that stands in for it. */
  function whereOf(given: string, name: string): string {
    return given === '' ? `environments.${environment.name}.backup.${name}` : name
  }
}

/** Seen now, and not on the day of the restore. */
function restoreFindings({ user }: PostgresServer, mayCreate: boolean): Evidence[] {
  if (mayCreate) return []
  const finding = `${user} may not create databases, so restore-db would be refused; let a superuser run: ALTER ROLE ${quoteIdentifier(user)} CREATEDB`
  return [{ subject: 'restore', finding, tone: 'warn' }]
}

function keyFindings(surroundings: Surroundings, { uri }: Store): Evidence[] {
  if (!uri.startsWith('s3://') || !sharesStoreKeys(surroundings)) return []
  const finding = `the keys of ${uri} are in ${surroundings.environment.envFile}, which every instance of the service gets: with them it can remove backups. Move AWS_* to a file of their own, and name it in backup.env-file of the runbook`
  return [{ subject: 'store keys', finding, tone: 'warn' }]
}
