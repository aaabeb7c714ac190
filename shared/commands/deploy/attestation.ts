import { ToolError } from '../../outcome/errors.ts'
import { describeRule, ruleId } from '../../config/schema/attestation-rule.ts'
import type { Environment } from '../../config/environment.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import type { Entry } from '../../release/ledger.ts'
import type { Ports } from '../step/ports.ts'

/**
 * Requires an image to be attested as the runbook wants it.
 * @param image by digest; empty for a target without one
 * @returns what is recorded with its release: the rule that it met; nothing when the runbook requires none
 * @throws ToolError with the reason `not-attested`, InputError when the rule itself cannot be used
 */
export async function attest(
  { image: trust, root }: Environment,
  image: string,
  { env, exec, log, signal }: Ports,
): Promise<Pick<Entry, 'attested'>> {
  const rule = trust?.attestedBy
  if (!trust || !rule) return {}
  const { requireAttested } = await import('../../attestation/verify.ts')
  const source = { env, exec, signal, tokenHosts: trust.tokenHosts }
  log.info(`${await requireAttested(rule, root, image, source)}.`)
  return { attested: ruleId(rule) }
}

/**
 * Requires a release that an operator chose to be attested: by the same rule when it was released, which its record says,
 * or now.
 * @throws ToolError with the reason `not-attested`, also where the registry cannot be asked; InputError as `attest`
 */
export async function attestRollback(environment: Environment, back: Entry, ports: Ports): Promise<void> {
  if (isRecorded(environment, back)) return
  try {
    await attest(environment, back.image, ports)
  } catch (cause) {
    ports.signal.throwIfAborted()
    if (!(cause instanceof ToolError)) throw cause
    throw new ToolError(
      `${back.version} (${back.id}) may not be restored: ${cause.message}; nothing was changed`,
      {
        tool: cause.tool,
        reason: 'not-attested',
        hint: 'Choose a release that is attested (runbook history), or sign this image. Releases from before image.attested-by was set have no record of it: what was live before a failed deploy is restored all the same.',
        cause,
      },
    )
  }
}

/**
 * What is reported of a release that is restored in the place of one that failed. It was live already, and the environment
 * has to run something that passed: so it is restored, attested or not.
 */
export function attestationNotes(environment: Environment, back: Entry): Evidence[] {
  const rule = environment.image?.attestedBy
  if (!rule || isRecorded(environment, back)) return []
  const finding = `${back.version} (${back.id}) is not recorded as attested by ${describeRule(rule)}; it is restored, since it was live before`
  return [{ subject: 'attestation', finding, tone: 'warn' }]
}

function isRecorded({ image }: Environment, { attested }: Entry): boolean {
  return image?.attestedBy === undefined || attested === ruleId(image.attestedBy)
}
