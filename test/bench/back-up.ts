import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { manifestKey } from '../../shared/backup/storage/keys.ts'
import { parseManifest } from '../../shared/backup/storage/manifest.ts'
import { openStore } from '../../shared/backup/storage/open-store.ts'
import { readText } from '../../shared/backup/storage/store.ts'
import { openLab, type Lab } from '../lab/lab.ts'
import { createBucket, deleteBucket } from '../lab/tenancy.ts'
import { createLargeDatabase, type LargeDatabase } from './database.ts'
import { mustRun } from './program.ts'

const entry = join(import.meta.dirname, '../../build/tree/backup-db/dist/index.js')

/** What a backup of the bench works on. */
export interface BackupStage {
  lab: Lab
  /** A folder of its own. */
  work: string
  bucket: string
  database: LargeDatabase
}

/** Makes a stage for the time of the work: a large database, a bucket and a folder, which are removed afterwards. */
export async function onBackupStage<T>(work: (stage: BackupStage) => Promise<T>): Promise<T> {
  const lab = openLab()
  const folder = mkdtempSync(join(tmpdir(), 'runbook-bench-'))
  const name = `bench-${randomBytes(4).toString('hex')}`
  await createBucket(lab, name)
  const database = await createLargeDatabase(lab, name)
  try {
    return await work({ lab, work: folder, bucket: name, database })
  } finally {
    await database.drop()
    await deleteBucket(lab, name)
    rmSync(folder, { recursive: true })
  }
}

/** Runs the published action, as a job would: seconds by phase, MiB at most, and bytes. */
export async function backUp(
  { lab, work, bucket, database }: BackupStage,
  inputs: Record<string, string>,
  env: Record<string, string> = {},
) {
  writeFileSync(
    join(work, 'runbook.yml'),
    `service: bench
environments:
  production:
    target: { kind: process, app: bench, directory: releases, start: index.js }
    backup: { destination: "s3://${bucket}" }
`,
  )
  const output = join(work, 'output')
  writeFileSync(output, '')
  const ran = await mustRun('node', [entry], {
    cwd: work,
    env: {
      PATH: process.env['PATH'],
      HOME: work,
      GITHUB_WORKSPACE: work,
      GITHUB_ACTIONS: 'true',
      GITHUB_OUTPUT: output,
      INPUT_ENVIRONMENT: 'production',
      INPUT_CONFIG: 'runbook.yml',
      'INPUT_DATABASE-URL': database.url,
      ...s3Variables(lab),
      ...inputs,
      ...env,
    },
  })
  const written = readFileSync(output, 'utf8')
  const outcome = JSON.parse(/^outcome<<(.+)\n(.*)\n\1$/m.exec(written)?.[2] ?? '{}') as {
    timings: { phase: string; ms: number }[]
    outputs: Record<string, string>
  }
  return {
    phases: Object.fromEntries(outcome.timings.map(({ phase, ms }) => [phase, ms / 1_000])),
    peakMiB: ran.peakMiB,
    stored: Number(outcome.outputs['bytes']),
    dumped: await dumpedBytes(lab, outcome.outputs['backup-uri'] ?? ''),
  }
}

/** What the manifest says that pg_dump wrote. */
async function dumpedBytes(lab: Lab, uri: string): Promise<number> {
  const store = await openStore('uri', uri.replace(/\/[^/]+\/[^/]+$/, ''), s3Variables(lab))
  const key = manifestKey(uri.slice(store.uri.length + 1))
  const text = await readText(store, key, new AbortController().signal)
  return parseManifest(uri, text, { keys: [] }).manifest.dumpedBytes
}

/** Variables that lead to the lab's S3 server. */
export function s3Variables({ s3 }: Lab): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: s3.endpoint,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    AWS_REGION: s3.region,
  }
}
