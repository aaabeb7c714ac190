import { InputError } from '../../outcome/errors.ts'
import { readReleaseEnvFile, secretsOf } from '../../config/env-file/env-file.ts'
import type { Environment } from '../../config/environment.ts'
import { parseVersion } from '../../config/version.ts'
import type { ReleaseRequest } from '../../targets/target.ts'
import { deployFields, type DeployInputs } from './deploy-fields.ts'
import type { TargetPorts } from '../step/ports.ts'

/**
 * What is asked to be released: the version, its image pinned to a digest, and its configuration, whose secrets are
 * masked from here on.
 * @throws InputError when the version or the image is missing or wrong, the env-file cannot be read to its last line, or it lacks what the runbook requires
 */
export async function makeRequest(
  environment: Environment,
  inputs: DeployInputs,
  ports: TargetPorts,
): Promise<ReleaseRequest> {
  const version = parseVersion('version', inputs.version || ports.run.tag)
  const config = environment.envFile ? readReleaseEnvFile(environment.root, environment.envFile) : {}
  for (const value of secretsOf(config)) ports.secrets.add(value)
  const lacking = environment.requires.filter(key => !Object.hasOwn(config, key) || !config[key])
  if (lacking.length > 0) {
    const file = environment.envFile || 'env-file'
    throw new InputError(`${file}: ${lacking.join(', ')} missing; the runbook requires them (requires)`, {
      hint: `Add ${lacking.join(', ')} to ${file}, or take out of requires what the service does not need.`,
    })
  }
  if (!inputs.image && environment.target.kind !== 'process')
    throw InputError.of('image', undefined, deployFields.image.accepts)
  const target = await ports.openTarget()
  return { version, image: await target.pin({ version, image: inputs.image }), config }
}
