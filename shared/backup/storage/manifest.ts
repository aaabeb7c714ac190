import { z } from 'zod'
import { ToolError } from '../../outcome/errors.ts'
import { leftOutKinds } from '../dump/left-out.ts'
import { isDigest } from '../encryption/digest.ts'
import type { SigningKey } from '../encryption/signature.ts'
import { openDocument, sealDocument, type Proof, type Reading } from '../encryption/trust.ts'

/** What a manifest is signed as. */
const payloadType = 'application/vnd.runbook-actions.backup-manifest+json'

/** What becomes an argument of a program: it is on one line, and no option. */
const word = z
  .string()
  .regex(/^(?!-)[^\0-\x1f\x7f]*$/, { error: 'a text on one line that does not begin with a dash' })
const count = z.int().min(0)
const major = z.int().min(9).max(99)

/** The attributes of a role exactly as `readRoles` writes them: they become a part of a statement. */
const roleOptions = z
  .string()
  .regex(
    /^(NO)?SUPERUSER (NO)?INHERIT (NO)?CREATEROLE (NO)?CREATEDB (NO)?LOGIN (NO)?REPLICATION (NO)?BYPASSRLS( CONNECTION LIMIT \d{1,9})?( VALID UNTIL '[0-9 :.+-]{1,40}')?$/,
    { error: 'attributes of a role' },
  )

const table = z.object({
  schema: z.string(),
  table: z.string(),
  rows: count,
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
  largeObjects: z.object({ count, checksum: z.string() }),
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
      rows: count,
      sha256: z.string(),
      /** The answer, where it is a single number; else empty. */
      number: z.string(),
    })
    .optional(),
})

const database = z.object({
  name: z.string(),
  owner: z.string(),
  encoding: word,
  collate: word,
  ctype: word,
  /** `c` (libc), `i` (ICU) or `b` (built in). */
  provider: z.string(),
  /** Locale of the provider, for ICU and the built-in one; else empty. */
  locale: word,
  /** With the schema that each was created in; earlier versions do not say. */
  extensions: z.array(z.object({ name: z.string(), version: z.string(), schema: z.string().optional() })),
  /** Roles that the database's objects name: owners, grantees, policies. */
  roles: z.array(z.string()),
  /** Those roles, and the ones that they are members of: what CREATE ROLE takes, and no passwords. */
  globals: z
    .array(z.object({ name: z.string(), options: roleOptions, memberOf: z.array(z.string()) }))
    .optional(),
  /** The server's first superuser, whose objects leave no trace among those roles. */
  superuser: word,
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
      /**
       * What only a superuser may create, though its kind does not say so: numbers of catalog and object, as an archive's
       * table of contents has them. Earlier versions do not say.
       */
      superuserOnly: z.array(z.string()).optional(),
    })
    .optional(),
  /** Relations of every kind, system catalogs too: what one statement may have to lock. Earlier versions do not say. */
  relations: count.optional(),
  /** As the server gives it, in bytes. */
  size: count,
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
  bytes: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Of its beginnings; see `Digest`. */
  beginnings: z.object({ every: count, sha256: z.array(z.string().length(44)) }),
  /** What is stored, once it is opened and decompressed. */
  format: z.literal('pg_dump custom'),
  /** Opened by `zstd -d`. */
  compression: z.literal('zstd'),
  encryption,
  /** Bytes that pg_dump wrote, before they were compressed. */
  dumpedBytes: count,
  /** When the snapshot was taken, ISO 8601. */
  takenAt: z.iso.datetime(),
  /** From the snapshot to the last stored byte. */
  durationMs: z.number(),
  by: z.object({ actor: z.string(), run: z.string(), url: z.string() }),
  server: z.object({ address: z.string(), version: z.string(), major }),
  client: z.object({ version: z.string(), major }),
  database,
  contents,
  /** `short`: one of many that a schedule takes; it may go before the others. Not said: as long as any. */
  keep: z.enum(['long', 'short']).optional(),
  verified: z.object({
    /** `restore`: restored and compared, row for row. `list`: only its table of contents was read. */
    how: z.enum(['restore', 'list', 'none']),
    at: z.iso.datetime(),
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

/** A manifest that was read. */
export interface ReadManifest {
  manifest: Manifest
  proof: Proof
}

/** The text that is stored: in a signed envelope, where there is a key. */
export function writeManifest(manifest: Manifest, signing: SigningKey | undefined): string {
  return sealDocument(`${JSON.stringify(manifest, undefined, 2)}\n`, payloadType, signing)
}

/**
 * @param uri where it was read, for the error
 * @throws ToolError when it is not a manifest of this suite, or is not signed as the runbook demands
 */
export function parseManifest(uri: string, text: string, reading: Pick<Reading, 'keys'>): ReadManifest {
  const { document, proof } = openDocument(uri, text, payloadType, reading)
  const read = schema.safeParse(document)
  if (read.success && isDigest(read.data)) return { manifest: read.data, proof }
  const [issue] = read.error?.issues ?? []
  const why = issue ? `${issue.path.join('.')}: ${issue.message}` : 'beginnings: they do not fit its size'
  throw new ToolError(`${uri} is not a manifest that can be read: ${why}`, {
    tool: 'backup store',
    hint: 'The backup beside it does not count. Find out who wrote it; restore from another one.',
    cause: read.error,
  })
}

/** Rows of all tables. */
export function countRows({ tables }: Contents): number {
  return tables.reduce((sum, { rows }) => sum + rows, 0)
}
