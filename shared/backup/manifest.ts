import { z } from 'zod'
import { messageOf, ToolError } from '../outcome/errors.ts'
import { leftOutKinds } from './archive-entries.ts'

const table = z.object({
  schema: z.string(),
  table: z.string(),
  rows: z.int(),
  /** Sum of the 64-bit hashes of all rows: the same whatever their order. */
  checksum: z.string(),
})

const sequence = z.object({
  schema: z.string(),
  sequence: z.string(),
  /** Sequences stand outside of any snapshot: their next values before and after the dump. */
  from: z.string(),
  to: z.string(),
})

const contents = z.object({
  /** How rows were hashed: the same way serves to compare them. */
  hashing: z.enum(['values', 'text']),
  tables: z.array(table),
  sequences: z.array(sequence),
  largeObjects: z.object({ count: z.int(), checksum: z.string() }),
  /** What was dumped, where something was left out: names, in which * stands for any characters. */
  scope: z
    .object({
      schemas: z.array(z.string()),
      excludeSchemas: z.array(z.string()),
      tables: z.array(z.string()),
      excludeTables: z.array(z.string()),
      /** Tables that are there without their rows. */
      excludeData: z.array(z.string()),
      largeObjects: z.boolean(),
    })
    .optional(),
  /** The user's own query and its answer, which is kept as a hash. */
  query: z
    .object({
      text: z.string(),
      /** Where its names without a schema were looked for. */
      schemas: z.array(z.string()),
      rows: z.int(),
      sha256: z.string(),
      /** The answer, where it is a single number; else empty. */
      number: z.string(),
    })
    .optional(),
})

const database = z.object({
  name: z.string(),
  owner: z.string(),
  encoding: z.string(),
  collate: z.string(),
  ctype: z.string(),
  /** `c` (libc), `i` (ICU) or `b` (built in). */
  provider: z.string(),
  /** Locale of the provider, for ICU and the built-in one; else empty. */
  locale: z.string(),
  extensions: z.array(z.object({ name: z.string(), version: z.string() })),
  /** Roles that the database's objects name: owners, grantees, policies. */
  roles: z.array(z.string()),
  /** Those roles, and the ones that they are members of: what CREATE ROLE takes, and no passwords. */
  globals: z
    .array(z.object({ name: z.string(), options: z.string(), memberOf: z.array(z.string()) }))
    .optional(),
  /** The server's first superuser, whose objects leave no trace among those roles. */
  superuser: z.string(),
  /** What acts beyond the database, or may be owned by a superuser alone. Backups of earlier versions do not say. */
  beyond: z
    .object({
      /** Empty slot: it has none. */
      subscriptions: z.array(
        z.object({ name: z.string(), slot: z.string(), publications: z.array(z.string()) }),
      ),
      /** Logical replication slots, by which other systems read its changes. */
      slots: z.array(z.string()),
      /** What a superuser owns and no other role may. */
      superuserOwned: z.array(
        z.object({
          kind: z.enum(['event trigger', 'foreign-data wrapper']),
          name: z.string(),
          owner: z.string(),
        }),
      ),
      /** Extensions whose workers act by themselves, like pg_cron. */
      backgroundExtensions: z.array(z.string()),
      /** Materialized views that read another server. */
      remoteViews: z.array(z.object({ schema: z.string(), name: z.string() })),
    })
    .optional(),
  /** Relations of every kind, system catalogs too: what one statement may have to lock. Earlier versions do not say. */
  relations: z.int().optional(),
  /** As the server gives it, in bytes. */
  size: z.int(),
  /**
   * The snapshot as the server has it, and the server's own identity: rows that were written since are told apart by it.
   * Backups of earlier versions have none.
   */
  instant: z.object({ snapshot: z.string(), system: z.string() }).optional(),
})

const encryption = z.discriminatedUnion('how', [
  z.object({ how: z.literal('none') }),
  /** Opened by `age -d -i IDENTITY`; the recipients are public keys. */
  z.object({ how: z.literal('age'), recipients: z.array(z.string()) }),
  /** Opened by `gpg -d` and the passphrase. */
  z.object({ how: z.literal('gpg'), cipher: z.literal('AES256') }),
])

const schema = z.object({
  manifest: z.literal(1),
  service: z.string(),
  environment: z.string(),
  /** Key of the dump in the store. */
  key: z.string(),
  bytes: z.int(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** What is stored, once it is opened and decompressed. */
  format: z.literal('pg_dump custom'),
  /** Opened by `zstd -d`. */
  compression: z.literal('zstd'),
  encryption,
  /** Bytes that pg_dump wrote, before they were compressed. */
  dumpedBytes: z.int(),
  /** When the snapshot was taken, ISO 8601. */
  takenAt: z.string(),
  /** From the snapshot to the last stored byte. */
  durationMs: z.number(),
  by: z.object({ actor: z.string(), run: z.string(), url: z.string() }),
  server: z.object({ address: z.string(), version: z.string(), major: z.int() }),
  client: z.object({ version: z.string(), major: z.int() }),
  database,
  contents,
  /** `short`: one of many that a schedule takes; it may go before the others. Not said: as long as any. */
  keep: z.enum(['long', 'short']).optional(),
  verified: z.object({
    /** `restore`: restored and compared, row for row. `list`: only its table of contents was read. */
    how: z.enum(['restore', 'list', 'none']),
    at: z.string(),
    where: z.string(),
    durationMs: z.number(),
    /**
     * With what the sealed object was opened for it. `key`: as its owner opens it. `session`: with the key that this run
     * had sealed it with, so that nothing is proved of the owner's identity. `none`: it is not sealed, or was not opened.
     */
    opened: z.enum(['key', 'session', 'none']),
    /** What of the dump was not restored for it. Earlier versions do not say. */
    leftOut: z.array(z.object({ kind: z.enum(leftOutKinds), name: z.string() })).optional(),
  }),
})

/** What is known of one backup. It is written last: a dump without one is not a backup. */
export type Manifest = z.infer<typeof schema>
/** What a database held at one instant. */
export type Contents = z.infer<typeof contents>
export type Encryption = z.infer<typeof encryption>
export type TableContents = z.infer<typeof table>
/** The properties of a database that a dump of it does not carry. */
export type DatabaseFacts = z.infer<typeof database>

export function writeManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`
}

/**
 * @param uri where it was read, for the error
 * @throws ToolError when it is not a manifest of this suite
 */
export function parseManifest(uri: string, text: string): Manifest {
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    const issue = cause instanceof z.ZodError ? cause.issues[0] : undefined
    const why = issue ? `${issue.path.join('.')}: ${issue.message}` : messageOf(cause)
    throw new ToolError(`${uri} is not a manifest that can be read: ${why}`, {
      tool: 'backup store',
      hint: 'The backup beside it does not count. Look at who wrote it; restore from another one.',
      cause,
    })
  }
}

/** Rows of all tables. */
export function countRows({ tables }: Contents): number {
  return tables.reduce((sum, { rows }) => sum + rows, 0)
}
