import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { backUp, onBackupStage, type BackupStage } from './back-up.ts'
import { median, type Bench, type Measurement } from './measurement.ts'
import { mustRun } from './program.ts'

const rounds = 3
/** As many as the machine of the aim has cores. */
const jobs = 2
/** How pg_dump compresses: as it does by itself, and as it is fastest. */
const compressions = { gzip: '', zstd: '--compress=zstd:1' } as const
type Compression = keyof typeof compressions

interface Times {
  dumped: number
  /** Restored into a database too; ours has also compared every row. */
  verified: number
}

/** A backup beside `pg_dump -Fd -j`, with a restore of it beside ours, which is verified: the same database, in turn. */
export const parallelDump: Bench = {
  name: 'parallel-dump',
  async run() {
    return onBackupStage(async stage => {
      const ours: Times[] = []
      const theirs: Record<Compression, Times[]> = { gzip: [], zstd: [] }
      for (let round = 0; round < rounds; round += 1) {
        const { phases } = await backUp(stage, { INPUT_VERIFY: 'same-server' })
        const dumped = phases['dump'] ?? NaN
        ours.push({ dumped, verified: dumped + (phases['verify'] ?? NaN) })
        for (const compression of ['gzip', 'zstd'] as const)
          theirs[compression].push(await dumpAndRestore(stage, compressions[compression]))
      }
      const size = `${(stage.database.bytes / 1e9).toFixed(2)} GB`
      return (['gzip', 'zstd'] as const).flatMap(each => compare(each, ours, theirs[each], size))
    })
  },
}

async function dumpAndRestore({ work, database, bucket }: BackupStage, options: string): Promise<Times> {
  const folder = join(work, 'directory')
  const into = `${bucket}-restored`
  const seconds = async (script: string) => {
    const { startedAt, endedAt } = await mustRun('bash', ['-c', script], { env: database.env })
    return (endedAt - startedAt) / 1_000
  }
  const dumped = await seconds(`pg_dump -Fd -j ${jobs} ${options} -f ${folder}`)
  await database.psql(`CREATE DATABASE "${into}"`, 'postgres')
  const restored = await seconds(`pg_restore -j ${jobs} -d "${into}" ${folder}`)
  await database.psql(`DROP DATABASE "${into}"`, 'postgres')
  rmSync(folder, { recursive: true })
  return { dumped, verified: dumped + restored }
}

function compare(compression: Compression, ours: Times[], theirs: Times[], size: string): Measurement[] {
  const command = ['pg_dump -Fd', `-j ${jobs}`, compressions[compression]].filter(Boolean).join(' ')
  return (['dumped', 'verified'] as const).map(what => {
    const [own, peer] = [ours, theirs].map(all => median(all.map(each => each[what]))) as [number, number]
    return {
      name: `backup, ${what}, beside a parallel dump with ${compression}`,
      value: Math.round((own / peer) * 100) / 100,
      unit: 'times its time',
      versus: `ours ${own.toFixed(1)} s, ${command}${what === 'verified' ? ` and pg_restore -j ${jobs}` : ''} ${peer.toFixed(1)} s`,
      aim: what === 'dumped' ? 'at most 1' : 'beside it, no limit',
      met: what === 'dumped' ? own <= peer : true,
      at: new Date().toISOString(),
      note: `${size}, median of ${rounds}; ours is one stream into S3, hashed; theirs a folder on the local disk${what === 'verified' ? '; ours reads it back from S3, restores it and compares every row of both databases, theirs is restored and not compared' : ''}`,
    }
  })
}
