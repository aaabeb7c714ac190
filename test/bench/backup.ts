import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { backUp, onBackupStage, s3Variables, type BackupStage } from './back-up.ts'
import { median, unmeasured, type Bench, type Measurement } from './measurement.ts'
import { mustRun } from './program.ts'

const rounds = 3

/**
 * A backup of 1.5 GB into S3 beside bare pg_dump, which writes nowhere, and beside what people type; its memory, at ten
 * times the size too; and a restore that was compared beside one that was only done.
 */
export const backup: Bench = {
  name: 'backup',
  async run() {
    return onBackupStage(async stage => [
      ...(await dumps(stage)),
      await tenfold(stage),
      await restores(stage),
    ])
  },
}

async function dumps(stage: BackupStage): Promise<Measurement[]> {
  const { database } = stage
  const [bare, ours, pipe, peaks] = [[] as number[], [] as number[], [] as number[], [] as number[]]
  const hasAws = await mustRun('aws', ['--version'], { env: process.env }).then(
    () => true,
    () => false,
  )
  for (let round = 0; round < rounds; round++) {
    bare.push(await seconds('pg_dump -Fc -Z0 > /dev/null', database.env))
    const ran = await backUp(stage, { INPUT_VERIFY: 'none' })
    ours.push(ran.phases['dump'] ?? NaN)
    peaks.push(ran.peakMiB)
    if (!hasAws) continue
    const target = `s3://${stage.bucket}/pipe-${round}.gz`
    pipe.push(
      await seconds(`pg_dump | gzip | aws --endpoint-url ${stage.lab.s3.endpoint} s3 cp - ${target}`, {
        ...database.env,
        ...s3Variables(stage.lab),
      }),
    )
  }
  const [base, own, peak] = [median(bare), median(ours), Math.max(...peaks)]
  const at = new Date().toISOString()
  const size = `${(database.bytes / 1e9).toFixed(2)} GB`
  const inside =
    'from the snapshot to the last stored byte: dumped, compressed, hashed, uploaded; the counts and checksums of the snapshot come after it, beside the restore'
  return [
    {
      name: 'backup',
      value: round2(own / base),
      unit: "times bare pg_dump's",
      versus: `ours ${own.toFixed(1)} s into S3, pg_dump -Fc -Z0 > /dev/null ${base.toFixed(1)} s`,
      aim: 'at most 1.25 times',
      met: own / base <= 1.25,
      at,
      note: `${size}, median of ${rounds}, ${inside}`,
    },
    hasAws
      ? {
          name: 'backup, beside the usual pipe',
          value: round2(median(pipe) / own),
          unit: 'times faster',
          versus: `ours ${own.toFixed(1)} s, pg_dump | gzip | aws s3 cp - ${median(pipe).toFixed(1)} s`,
          aim: 'at least 2.5 times',
          met: median(pipe) / own >= 2.5,
          at,
          note: `${size}, median of ${rounds}, ${inside}`,
        }
      : unmeasured(
          'backup, beside the usual pipe',
          'at least 2.5 times',
          'there is no aws (pip install awscli)',
        ),
    {
      name: 'backup memory',
      value: Math.round(peak),
      unit: 'MiB at most',
      versus: `a database of ${size}`,
      aim: 'at most 200 MiB',
      met: peak > 0 && peak <= 200,
      at,
      note: `VmHWM of our process, the most of ${rounds}`,
    },
  ]
}

/** Ten times the bytes, of which this machine could not hold a database: a pg_dump that says the same dump ten times. */
async function tenfold(stage: BackupStage): Promise<Measurement> {
  const { work, database, lab } = stage
  const plain = join(work, 'plain')
  await seconds(`pg_dump -Fc -Z0 > ${plain}`, database.env)
  const bytes = statSync(plain).size * 10
  const programs = join(work, 'programs')
  const { binDir } = lab.postgres
  const stand = `#!/bin/sh
[ "$1" = --version ] && exec ${join(binDir, 'pg_dump')} --version
for i in 1 2 3 4 5 6 7 8 9 10; do cat ${plain}; done
`
  await mustRun('sh', ['-c', `mkdir ${programs} && ln -s ${binDir}/* ${programs}/ && rm ${programs}/pg_dump`])
  writeFileSync(join(programs, 'pg_dump'), stand, { mode: 0o755 })
  const ran = await backUp(
    stage,
    { INPUT_VERIFY: 'none' },
    { PATH: `${programs}:${process.env['PATH'] ?? ''}` },
  )
  rmSync(plain)
  return {
    name: 'backup memory at ten times the size',
    value: Math.round(ran.peakMiB),
    unit: 'MiB at most',
    versus: `${(bytes / 1e9).toFixed(1)} GB dumped, ${(ran.stored / 1e9).toFixed(1)} GB stored`,
    aim: 'at most 200 MiB',
    met: ran.dumped === bytes && ran.peakMiB > 0 && ran.peakMiB <= 200,
    at: new Date().toISOString(),
    note: 'pg_dump is stood in for by ten times the output of the real one; the rest is real',
  }
}

async function restores(stage: BackupStage): Promise<Measurement> {
  const { database, work } = stage
  const [ours, plain] = [[] as number[], [] as number[]]
  const file = join(work, 'plain')
  await seconds(`pg_dump -Fc -Z0 > ${file}`, database.env)
  for (let round = 0; round < rounds; round++) {
    ours.push((await backUp(stage, { INPUT_VERIFY: 'same-server' })).phases['verify'] ?? NaN)
    const into = `${stage.bucket}-restored`
    await database.psql(`CREATE DATABASE "${into}"`, 'postgres')
    plain.push(await seconds(`pg_restore -j 2 -d "${into}" ${file}`, database.env))
    await database.psql(`DROP DATABASE "${into}"`, 'postgres')
  }
  const ratio = median(ours) / median(plain)
  return {
    name: 'time to a verified restore',
    value: round2(ratio),
    unit: "times pg_restore -j 2's",
    versus: `ours ${median(ours).toFixed(1)} s, pg_restore -j 2 ${median(plain).toFixed(1)} s`,
    aim: 'beside it, no limit',
    met: true,
    at: new Date().toISOString(),
    note: `median of ${rounds}, both into the lab's server; ours reads the object from S3 and compares every row of source and restore; pg_restore has the plain dump on the local disk, and compares nothing`,
  }
}

async function seconds(script: string, env: Record<string, string | undefined>): Promise<number> {
  const { startedAt, endedAt } = await mustRun('bash', ['-o', 'pipefail', '-c', script], { env })
  return (endedAt - startedAt) / 1_000
}

function round2(value: number): number {
  return Math.round(value * 100) / 100
}
