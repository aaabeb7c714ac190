import { InputError } from '../outcome/errors.ts'
import { provenance, signature, type AttestationRule } from './schema/attestation-rule.ts'
import type { At, ImageTrust } from './environment.ts'
import type { EnvironmentSpec } from './schema/schema.ts'

/** Where GitHub's workflows have their identities and repositories from. */
const gitHub = { issuer: 'https://token.actions.githubusercontent.com', server: 'https://github.com' }

/**
 * Fills in the defaults of `image`.
 * @throws InputError when an attestation is required of a target that has no image
 */
export function resolveImageTrust(at: At, { image = {}, target }: EnvironmentSpec): ImageTrust {
  const tokenHosts = image['token-hosts'] ?? []
  const attestedBy = image['attested-by'] && ruleOf(image['attested-by'])
  if (attestedBy === undefined) return { tokenHosts }
  if (target.kind !== 'process') return { tokenHosts, attestedBy }
  throw new InputError(
    `${at('image.attested-by')} requires an attestation, and a process target has no image`,
    {
      hint: 'Remove attested-by: a process target installs what git has, so protect the tags of the repository instead.',
    },
  )
}

function ruleOf(spec: NonNullable<NonNullable<EnvironmentSpec['image']>['attested-by']>): AttestationRule {
  if ('key' in spec) return { kind: 'key', key: spec.key, predicate: spec.predicate ?? signature }
  return {
    kind: 'workflow',
    repository: spec.repository,
    workflow: spec.workflow ?? '',
    issuer: spec.issuer ?? gitHub.issuer,
    server: spec.server ?? gitHub.server,
    predicate: spec.predicate ?? provenance,
    trustedRoot: spec['trusted-root'],
  }
}
