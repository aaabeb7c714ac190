import { createInterface } from 'node:readline'
import type { Environment } from '../../config/environment.ts'
import { parseVersion } from '../../config/version.ts'
import { ToolError } from '../../outcome/errors.ts'
import type { Conclusion, Outcome } from '../../outcome/outcome.ts'
import { readImageConfig } from '../../integrations/registry/image-config.ts'
import { requireRepository } from '../../integrations/registry/image-reference.ts'
import { resolveImage } from '../../integrations/registry/registry.ts'
import { checkInputsFields } from '../check/check-inputs.ts'
import { commonFields, duration, text, type Fields, type Inputs, type Outputs } from '../step/inputs.ts'
import type { Ports } from '../step/ports.ts'
import { runStep } from '../step/step.ts'
import { builtFrom, digestIn, revisionLabel } from './built-image.ts'

export const buildImageFields = {
  ...commonFields,
  version: text('Version to build. Default: the tag that triggered the run.', 'a full version like v1.2.3'),
  image: {
    ...text(
      'Repository that the image is pushed to; the version becomes its tag.',
      'a repository like ghcr.io/org/orders, without a tag or a digest',
    ),
    required: true,
  },
  dockerfile: { ...checkInputsFields.dockerfile, default: 'Dockerfile' },
  context: { ...checkInputsFields.context, default: '.' },
  'build-args': checkInputsFields['build-args'],
  timeout: duration('How long the build and the push may take together.', { default: '45m' }),
} satisfies Fields

export const buildImageOutputs = {
  digest: 'Digest of the image, like `sha256:...`.',
  built:
    '`true` when it was built; `false` when the registry had the image of this version and commit already.',
} satisfies Outputs

type BuildInputs = Inputs<typeof buildImageFields>

/**
 * Builds the image of a version once, and pushes it. A version is one image: where the registry has it already, it is taken when
 * it was built from the same commit, and refused otherwise, so that nothing is replaced that may be deployed.
 */
export function buildImage(environment: Environment, inputs: BuildInputs, ports: Ports): Promise<Outcome> {
  const subject = { step: 'build-image', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'tool-failed', async (watch): Promise<Conclusion> => {
    requireRepository('image', inputs.image)
    const version = parseVersion('version', inputs.version || ports.run.tag)
    const tagged = `${inputs.image}:${version}`
    const found = await watch.time('find', () => findEarlier(tagged, ports))
    if (found) {
      const refusal = builtFrom(tagged, found.revision, ports.run.sha)
      if (refusal) return refusal
      return {
        status: 'success',
        reason: 'done',
        summary: `${tagged} was built from this commit by an earlier run, and is ${found.digest}.`,
        outputs: { digest: found.digest, built: 'false' },
      }
    }
    await watch.time('build', () =>
      docker(buildArguments(tagged, version, inputs, ports.run.sha), environment, ports),
    )
    await watch.time('push', () => docker(['push', '--', tagged], environment, ports))
    const digest = await readPushedDigest(inputs.image, tagged, ports)
    const summary = `${tagged} was built and pushed, and is ${digest}.`
    return { status: 'success', reason: 'done', summary, outputs: { digest, built: 'true' } }
  })
}

/**
 * The image of a version that an earlier run has pushed.
 * @returns undefined when there is none. A registry that hides what is not there answers as for a repository that may not be
 * read: the push then finds out whether it may be written
 * @throws ToolError when the registry cannot be asked: then nothing is built, since it may have the version
 */
async function findEarlier(
  tagged: string,
  ports: Ports,
): Promise<{ digest: string; revision: string } | undefined> {
  try {
    const { digest, pinned } = await resolveImage(tagged, ports)
    const { labels } = await readImageConfig(pinned, ports)
    return { digest, revision: labels[revisionLabel] ?? '' }
  } catch (error) {
    if (error instanceof ToolError && [401, 403, 404].includes(Number(error.code))) {
      ports.log.info(`${tagged} is not in its registry yet: it is built.`)
      return undefined
    }
    if (!(error instanceof ToolError)) throw error
    throw new ToolError(
      `Whether the registry has ${tagged} already could not be found out, so nothing is built: ${error.message}`,
      {
        ...{ tool: 'registry', cause: error },
        hint: `${error.hint} Then run the job again.`,
      },
    )
  }
}

function buildArguments(tagged: string, version: string, inputs: BuildInputs, sha: string): string[] {
  return [
    ...['build', `--file=${inputs.dockerfile}`, `--tag=${tagged}`],
    ...[`--build-arg=VERSION=${version.slice(1)}`, `--label=${revisionLabel}=${sha}`],
    ...inputs['build-args'].map(each => `--build-arg=${each}`),
    ...['--', inputs.context],
  ]
}

/** Runs docker in the checkout, with its output in the log. @throws ToolError when it fails */
async function docker(args: string[], { root }: Environment, ports: Ports): Promise<void> {
  const child = ports.exec.start('docker', args, { env: ports.env, cwd: root, signal: ports.signal })
  child.stdin.on('error', () => undefined).end()
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => resolve(code ?? 1))
  })
  const shown = [child.stdout, child.stderr].map(async stream => {
    for await (const line of createInterface(stream)) ports.log.info(line)
  })
  const code = await ended.catch((cause: unknown) => {
    ports.signal.throwIfAborted()
    throw new ToolError('docker could not be started', {
      tool: 'docker',
      hint: 'Install docker on the runner.',
      cause,
    })
  })
  await Promise.all(shown)
  if (code !== 0)
    throw new ToolError(`docker ${args[0] ?? ''} ended with ${code}`, {
      tool: 'docker',
      code,
      hint: 'Its output above says why.',
    })
}

async function readPushedDigest(image: string, tagged: string, ports: Ports): Promise<string> {
  const { env, signal } = ports
  const args = ['image', 'inspect', '--format', '{{json .RepoDigests}}', '--', tagged]
  const { stdout } = await ports.exec.run('docker', args, { env, signal, timeoutMs: 60_000 })
  const digest = digestIn(stdout, image)
  if (digest === undefined)
    throw new ToolError(`The engine knows no digest of ${tagged} after the push`, {
      tool: 'docker',
      hint: 'Look at the output of the push above.',
    })
  return digest
}
