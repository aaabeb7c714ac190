import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import pg from 'pg'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { emptyLedger, type Ledger } from '../../../shared/release/ledger.ts'
import type { Environment } from '../../../shared/config/environment.ts'
import { backupDb } from '../../../shared/commands/backup/backup-db.ts'
import { backupDbFields } from '../../../shared/commands/backup/backup-db-fields.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import type { Target, EnvironmentLock } from '../../../shared/targets/target.ts'
import type { TargetPorts } from '../../../shared/commands/step/ports.ts'
import { restoreDb, restoreDbFields } from '../../../shared/commands/backup/restore-db.ts'
import { openLab, type Lab } from '../../lab/lab.ts'
import { createBucket, createDatabase, deleteBucket, dropDatabase } from '../../lab/tenancy.ts'
import { environmentAt, realPorts } from '../gate/ports.ts'

type Words = Record<string, string>

/** A database, a folder and a bucket of a test's own, and the two steps run on them. */
export interface Scene {
  lab: Lab
  database: string
  url: string
  /** A folder on this machine; `file://` destinations lie in it. */
  folder: string
  bucket: string
  environment: Environment
  /** What the ledger of the environment says; nothing at first. */
  ledger: Ledger
  /** Runs statements in the scene's database, or in another one of the server. */
  sql<T = Record<string, unknown>>(text: string, database?: string): Promise<T[]>
  backUp(inputs?: Words, ports?: Partial<TargetPorts>): Promise<Outcome>
  restore(inputs?: Words, ports?: Partial<TargetPorts>): Promise<Outcome>
  /** Databases of the server whose name starts with the scene's own. */
  databases(): Promise<string[]>
  /** Everything in the bucket, half uploads too. */
  bucketContents(): Promise<string[]>
  close(): Promise<void>
}

/** A table `noise` of so many rows, 10 KiB each, that do not compress: several writes of a pipe, several parts of an upload. */
export const noise = (rows: number) =>
  `CREATE TABLE noise (i int, bytes bytea); ALTER TABLE noise ALTER bytes SET STORAGE EXTERNAL;
   INSERT INTO noise SELECT i, (SELECT string_agg(decode(md5(i || '-' || j), 'hex'), '') FROM generate_series(1, 640) j)
     FROM generate_series(1, ${rows}) i`

export async function openScene(): Promise<Scene> {
  const lab = openLab()
  const name = `backup-${randomBytes(4).toString('hex')}`
  const [url, folder] = [await createDatabase(lab, name), await mkdtemp(join(tmpdir(), 'scene-'))]
  await createBucket(lab, name)
  const { s3 } = lab
  const env = {
    PATH: process.env['PATH'],
    TMPDIR: folder,
    AWS_ENDPOINT_URL: s3.endpoint,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    AWS_REGION: s3.region,
  }
  const environment = environmentAt('', {
    root: folder,
    backup: {
      destination: `file://${folder}/store`,
      retentionDays: 30,
      encryptTo: [],
      signedBy: [],
      verifyQuery: '',
      postgresImage: '',
      rpoMs: 3_600_000,
      rtoMs: 14_400_000,
      shortDays: 2,
      envFile: '',
      promisesRpo: true,
      wal: false,
    },
  })
  const ledger = emptyLedger(environment.service, environment.name)
  // All that backing up and restoring ask of the target.
  const target: Partial<Target> = {
    read: () => Promise.resolve({ ledger, lease: null }),
    take() {
      if (ledger.hold) return Promise.resolve({ hold: ledger.hold })
      const lock: Partial<EnvironmentLock> = {
        ledger,
        update: change => Promise.resolve(Object.assign(ledger, change(ledger))),
        end: () => Promise.resolve(),
      }
      return Promise.resolve(lock as EnvironmentLock)
    },
  }
  const openTarget = () => Promise.resolve(target as Target)
  const say = (words: Words) => (input: string) =>
    ({ environment: environment.name, 'database-url': url, ...words })[input] ?? ''

  async function sql<T>(text: string, database = name): Promise<T[]> {
    const connectionString = new URL(url)
    connectionString.pathname = `/${encodeURIComponent(database)}`
    const client = new pg.Client({ connectionString: connectionString.href })
    await client.connect()
    try {
      // Several statements answer with a list of results, which the types do not say.
      const results = [await client.query(text)].flat() as pg.QueryResult[]
      return (results.at(-1)?.rows ?? []) as T[]
    } finally {
      await client.end()
    }
  }

  return {
    lab,
    database: name,
    url,
    folder,
    bucket: name,
    environment,
    ledger,
    sql,
    backUp: (inputs = {}, ports = {}) =>
      backupDb(
        environment,
        parseInputs(backupDbFields, say(inputs)),
        realPorts({ env, openTarget, ...ports }),
      ),
    restore: (inputs = {}, ports = {}) =>
      restoreDb(
        environment,
        parseInputs(restoreDbFields, say(inputs)),
        realPorts({ env, openTarget, ...ports }),
      ),
    async databases() {
      const rows = await sql<{ datname: string }>(
        `SELECT datname FROM pg_database WHERE datname LIKE '${name}%' OR datname LIKE 'runbook_verify%' ORDER BY 1`,
        'postgres',
      )
      return rows.map(({ datname }) => datname)
    },
    async bucketContents() {
      const { endpoint, accessKeyId, secretAccessKey, region } = s3
      const credentials = { accessKeyId, secretAccessKey }
      const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: name }))
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: name }))
      client.destroy()
      const objects = Contents.map(({ Key }) => `object ${Key ?? ''}`)
      return [...objects, ...Uploads.map(({ Key }) => `upload ${Key ?? ''}`)]
    },
    async close() {
      const rows = await sql<{ datname: string }>(
        `SELECT datname FROM pg_database WHERE datname LIKE '${name}%'`,
        'postgres',
      )
      for (const { datname } of rows) await dropDatabase(lab, datname)
      await deleteBucket(lab, name)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The outcome of a step that must have succeeded; otherwise what it said. */
export function succeeded(outcome: Outcome): Outcome {
  if (outcome.status === 'success') return outcome
  const details = outcome.evidence.map(
    ({ subject, finding, detail = '' }) => `${subject}: ${finding} ${detail}`,
  )
  throw new Error([outcome.reason, outcome.summary, ...details].join('\n'))
}
