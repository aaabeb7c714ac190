import { z } from 'zod'
import type { Holder } from './lease.ts'
import { isReleaseId, type Ledger, type ReleaseId } from './ledger.ts'

// What is read back from a target is data: others can write there, too. Of what has no other form than this suite writes,
// only fields that code relies on are described; further ones are kept as they are.

const releaseId = z.custom<ReleaseId>(value => typeof value === 'string' && isReleaseId(value))
const verdict = z.enum(['healthy', 'unhealthy', 'unverified'])
const verified = z.array(z.looseObject({ name: z.string(), from: z.string() })).optional()
const counts = z.record(z.string(), z.number())

/** A release of the history. */
export const entrySchema = z.looseObject({
  id: releaseId,
  version: z.string(),
  image: z.string(),
  state: z.enum(['intended', 'applied', 'ready', 'good', 'bad', 'withdrawn']),
  because: z.string().optional(),
  baseline: z
    .looseObject({
      at: z.string(),
      ms: z.array(z.number().nullable()),
      failed: z.number(),
      over: counts,
      instances: counts.optional(),
    })
    .optional(),
  gate: z.enum(['pass', 'fail', 'inconclusive']).optional(),
  smoke: z.enum(['pass', 'fail']).optional(),
  verification: z.string().optional(),
  warmUpMs: z.number().optional(),
  attested: z.string().optional(),
  previous: releaseId.optional(),
  backup: z.string().optional(),
  schemaNeeds: z.string().optional(),
  migrated: z.array(z.string()).optional(),
  exceptions: z
    .array(z.looseObject({ check: z.string(), as: z.enum(['accepted', 'skipped']), reason: z.string() }))
    .optional(),
  startMs: z.number().optional(),
  restored: z.looseObject({ at: z.string(), verdict }).optional(),
  by: z.string(),
  verified,
  run: z.string(),
  runUrl: z.string(),
  intendedAt: z.string(),
  settledAt: z.string().optional(),
})

const holderSchema = z.looseObject({
  run: z.string(),
  attempt: z.number(),
  job: z.string(),
  title: z.string(),
  url: z.string(),
})

const actSchema = z.discriminatedUnion('kind', [
  z.looseObject({
    kind: z.enum(['hold', 'resume', 'unlock', 'restore-db']),
    by: z.string(),
    verified,
    because: z.string(),
    at: z.string(),
    ended: z.string().optional(),
  }),
  z.looseObject({
    kind: z.literal('rollback'),
    trigger: z.enum(['operator', 'failed-release', 'recovery']),
    by: z.string(),
    verified,
    run: z.string(),
    runUrl: z.string(),
    because: z.string(),
    from: releaseId,
    to: releaseId,
    at: z.string(),
    finishedAt: z.string().optional(),
    finishedBy: z.string().optional(),
    verdict: verdict.optional(),
  }),
])

/** All of it is optional: a field that is not there has the value of an empty ledger. */
const ledgerSchema = z.looseObject({
  service: z.string().optional(),
  environment: z.string().optional(),
  entries: z.array(entrySchema).optional(),
  serving: releaseId.nullable().optional(),
  restoring: z
    .looseObject({
      from: releaseId,
      since: z.string(),
      database: z
        .looseObject({
          backup: z.string(),
          live: z.string(),
          restored: z.string(),
          oid: z.string(),
          kept: z.string(),
          otherwise: releaseId,
        })
        .optional(),
    })
    .nullable()
    .optional(),
  floor: z.looseObject({ version: z.string(), since: releaseId }).optional(),
  hold: z.looseObject({ by: z.string(), because: z.string(), since: z.string() }).nullable().optional(),
  acts: z.array(actSchema).optional(),
})

/**
 * A ledger as it was stored, whose missing fields are those of `empty`.
 * @returns undefined for a value that this suite cannot have written
 */
export function parseLedger(stored: unknown, empty: Ledger): Ledger | undefined {
  if (!ledgerSchema.safeParse(stored).success) return undefined
  return { ...empty, ...(stored as Partial<Ledger>) }
}

/** The holder of a lock as it was stored. @returns undefined for a value that this suite cannot have written */
export function parseHolder(stored: unknown): Holder | undefined {
  return holderSchema.safeParse(stored).success ? (stored as Holder) : undefined
}

/** Whether a value is a lock as this suite stores it, or the absence of one. */
export function isStoredLease(stored: unknown): boolean {
  return leaseSchema.safeParse(stored).success
}

const leaseSchema = z
  .looseObject({ holder: holderSchema, epoch: z.number(), deadline: z.number(), handedOver: z.boolean() })
  .nullable()
