import { createHash } from 'node:crypto'
import { z } from 'zod'
import { InputError, isExpected, LeaseLostError, messageOf, OnHoldError } from '../../outcome/errors.ts'
import type { Log } from '../../host/log.ts'
import { find, noteVerdict, unsettled, type Entry, type ReleaseId } from '../../release/ledger.ts'
import { mostConditions, operators } from '../../config/schema/condition.ts'
import type { Environment, GateSpec } from '../../config/environment.ts'
import { jsonExpectation } from '../../config/schema/json-expectation.ts'
import type { SuiteSpec } from '../../smoke/schema.ts'
import type { Target } from '../../targets/target.ts'
import type { Held } from '../step/held-lock.ts'

/**
 * What a release was verified by, recorded with it: a rollback to it is judged by this, and not by the checkout of the
 * version that failed. It has no secrets: variables of the suite are there by name, and are read from the environment of
 * the run that verifies.
 */
export interface RecordedVerification {
  schema: 1
  /** Where the service was reached. */
  url: string
  /** Other origins to which a redirect was followed; undefined in a record of an earlier version: none. */
  redirectsTo?: readonly string[] | undefined
  /** The gate, with every default filled in. */
  gate: GateSpec
  /** Base URL of the Prometheus that the queries are asked of; empty when there is none. */
  prometheus: string
  /** Undefined when no suite is known. */
  smoke?: RecordedSuite | undefined
}

export interface RecordedSuite {
  /** Path of the suite in the repository; empty for the built-in one. */
  file: string
  suite: SuiteSpec
}

/** What is recorded with a release, or why nothing can be used. */
export type Recorded =
  | { kind: 'recorded'; verification: RecordedVerification }
  /** `why`: one clause, like `none is recorded with it`. */
  | { kind: 'none'; why: string }

/** A suite of some thousand requests; an annotation of Kubernetes holds what this is compressed to. */
const mostBytes = 512 * 1024

/** 30 days: more than any gate is watched for. */
const ms = z.number().min(0).max(2_592_000_000)
const share = z.number().min(0).max(2)
const path = z.string().max(2_048).startsWith('/')
const conditions = z
  .array(
    z.object({
      name: z.string().max(100),
      expr: z.string().max(10_000),
      operator: z.enum(operators),
      limit: z.number(),
      where: z.string().max(2_000),
    }),
  )
  .max(mostConditions)
const gate = z.object({
  forMs: ms.positive(),
  intervalMs: ms.positive(),
  warmUpMs: ms.exactOptional(),
  paths: z.array(path).min(1).max(100),
  memory: share,
  cpu: share,
  disk: share,
  errorRate: share,
  latencyMs: ms,
  baselineMs: ms,
  expect: z.record(path, jsonExpectation),
  metrics: conditions,
  queries: conditions,
}) satisfies z.ZodType<GateSpec>
const url = z.url({ protocol: /^https?$/ }).max(2_048)

/** The verification that a runbook plans. @returns undefined when it names no url: then nothing is verified */
export async function plannedVerification(
  environment: Environment,
): Promise<RecordedVerification | undefined> {
  if (environment.url === '') return undefined
  const { readSuite } = await import('../../smoke/suite.ts')
  const { suite: file } = environment.smoke
  return {
    schema: 1,
    url: environment.url,
    redirectsTo: environment.redirectsTo,
    gate: environment.gate,
    prometheus: environment.monitoring.prometheus,
    smoke: { file, suite: readSuite(environment.root, file) },
  }
}

/** A verification as it is kept, with its SHA-256. @returns undefined when it is too large to be kept */
export function encodeVerification(
  verification: RecordedVerification,
): { text: string; digest: string } | undefined {
  const text = JSON.stringify(verification)
  return Buffer.byteLength(text) > mostBytes ? undefined : { text, digest: digestOf(text) }
}

/**
 * Reads what is kept with a release. What is not what its ledger entry names, or not what this version understands, is
 * never used: a rollback is judged without it then, and says so.
 */
export async function decodeVerification(
  text: string | undefined,
  { verification: digest }: Pick<Entry, 'verification'>,
): Promise<Recorded> {
  const none = (why: string): Recorded => ({ kind: 'none', why })
  if (digest === undefined) return none('none is recorded with it')
  if (text === undefined) return none('the one that was recorded with it is gone')
  if (Buffer.byteLength(text) > mostBytes || digestOf(text) !== digest)
    return none('the one that is kept with it is not the one that was recorded')
  const { suiteSchema } = await import('../../smoke/schema.ts')
  const schema = z.object({
    schema: z.literal(1),
    url,
    redirectsTo: z.array(url).max(20).optional(),
    gate,
    prometheus: z.union([z.literal(''), url]),
    smoke: z.object({ file: z.string().max(4_096), suite: suiteSchema }).optional(),
  })
  const read = schema.safeParse(parseJson(text))
  return read.success
    ? { kind: 'recorded', verification: read.data }
    : none('the one that is recorded with it is of another version of runbook-actions')
}

/** The verification that is recorded with a release. */
export async function recallVerification(target: Target, release: Entry): Promise<Recorded> {
  const text = release.verification === undefined ? undefined : await target.recallVerification(release.id)
  return decodeVerification(text, release)
}

/** Records what the open release is to be verified by, before it has passed: what is recovered after a killed run uses it. */
export async function recordPlanned(
  held: Held,
  id: ReleaseId,
  planned: RecordedVerification | undefined,
  log: Log,
): Promise<void> {
  if (planned) await write(held, id, planned, log)
}

/** Records, with the release that this run left open, the gate that it has just passed. */
export async function recordGate(
  held: Held,
  { url, redirectsTo }: Environment,
  passed: Pick<RecordedVerification, 'url' | 'gate' | 'prometheus'>,
  log: Log,
): Promise<void> {
  const open = unsettled(held.lock.ledger)
  if (!open) return
  const before = await known(held, open)
  // A place that only this runner knows, like a forwarded port, is of use where the runbook names none.
  await write(
    held,
    open.id,
    { schema: 1, ...passed, url: url === '' ? passed.url : url, redirectsTo, smoke: before?.smoke },
    log,
  )
}

/** Records, with the release that this run left open, the suite that it has just passed. */
export async function recordSuite(held: Held, passed: RecordedSuite, log: Log): Promise<void> {
  const open = unsettled(held.lock.ledger)
  const before = open && (await known(held, open))
  if (before) await write(held, open.id, { ...before, smoke: passed }, log)
}

async function known({ target }: Held, open: Entry): Promise<RecordedVerification | undefined> {
  const recorded = await recallVerification(target, open)
  return recorded.kind === 'recorded' ? recorded.verification : undefined
}

/** That it cannot be recorded fails nothing: a rollback to this release is then judged by less. */
async function write(
  { lock }: Held,
  id: ReleaseId,
  verification: RecordedVerification,
  log: Log,
): Promise<void> {
  const packed = encodeVerification(verification)
  if (!packed) {
    log.warn(
      `The verification of ${id} is larger than ${mostBytes / 1024} KiB, and is not recorded: a rollback to it is judged by its paths alone.`,
    )
    return
  }
  if (find(lock.ledger, id)?.verification === packed.digest) return
  try {
    await lock.recordVerification(id, packed.text)
    await lock.update(ledger => noteVerdict(ledger, id, { verification: packed.digest }))
  } catch (error) {
    const isEnd = error instanceof LeaseLostError || error instanceof OnHoldError
    if (isEnd || error instanceof InputError || !isExpected(error)) throw error
    log.warn(`The verification of ${id} could not be recorded: ${messageOf(error)}`)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
