import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../../outcome/errors.ts'
import type { Conclusion, Evidence, Outcome } from '../../outcome/outcome.ts'
import { parseImage, requireRepository } from '../../integrations/registry/image-reference.ts'
import type { Environment } from '../../config/environment.ts'
import { isPrerelease, parseVersion } from '../../config/version.ts'
import { commonFields, path, text, type Fields, type Inputs, type Outputs } from '../step/inputs.ts'
import type { Ports } from '../step/ports.ts'
import { preDeployCheckFields } from './pre-deploy-check.ts'
import { runStep } from '../step/step.ts'
import { url } from '../step/url-input.ts'

export const checkInputsFields = {
  ...commonFields,
  version: text('Version to release. Default: the tag that triggered the run.', 'a full version like v1.2.3'),
  image: text(
    'Where a dockerfile is given: the repository that the image is pushed to, without a tag. Otherwise: the image to deploy.',
    'a repository like ghcr.io/org/orders, or an image reference like ghcr.io/org/orders@sha256:...',
  ),
  dockerfile: path('What the image is built from.', 'a file in the repository'),
  context: path('Folder that the build may read.', 'a folder in the repository'),
  'build-args': { ...text('Build arguments.', 'one NAME=VALUE a line'), parse: parseBuildArguments },
  'working-directory': path(
    'Folder of the package.json with the npm scripts.',
    'a folder in the repository',
    {
      default: '.',
    },
  ),
  'test-script': text("Name of the npm script with the service's tests.", 'a script of package.json'),
  'integration-script': text(
    'Name of the npm script with the integration tests.',
    'a script of package.json',
  ),
  url: url('Where the service is reached.'),
  skip: preDeployCheckFields.skip,
  accept: preDeployCheckFields.accept,
} satisfies Fields

export const checkInputsOutputs = {
  version: 'The version to release.',
  prerelease: '`true` for a version like `v1.3.0-rc.1`.',
} satisfies Outputs

type CheckInputs = Inputs<typeof checkInputsFields>

/**
 * Checks everything that a release was given before any job runs tests, builds or deploys: the tag, the image's name, and
 * whether the files, folders and npm scripts are there. The runbook has been read by then. Changes nothing.
 * @param rawImage the input `image` with the blanks around it, which the workflow uses as it is
 */
export function checkInputs(
  environment: Environment,
  inputs: CheckInputs,
  ports: Ports,
  rawImage: string,
): Promise<Outcome> {
  const subject = { step: 'check-inputs', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'input-invalid', async (): Promise<Conclusion> => {
    const version = await faultOf(() => readVersion(inputs.version || ports.run.tag))
    const rest = await Promise.all([
      faultOf(() => checkImage(rawImage, inputs)),
      faultOf(() => checkFile(environment.root, 'dockerfile', inputs.dockerfile)),
      faultOf(() => checkFolder(environment.root, 'context', inputs.context)),
      ...(['test-script', 'integration-script'] as const).map(name =>
        faultOf(() => checkScript(environment.root, name, inputs)),
      ),
    ])
    const found = [version, ...rest].filter(fault => fault instanceof InputError)
    // Both scripts look into the same folder.
    const faults = [...new Map(found.map(fault => [fault.message, fault])).values()]
    const [first] = faults
    if (version instanceof InputError || first) return concludeFaults(faults)
    return {
      status: 'success',
      reason: 'done',
      summary: `The inputs of ${version} are complete; nothing was changed.`,
      outputs: { version, prerelease: String(isPrerelease(version)) },
    }
  })
}

/** What `work` returns, or the InputError that it ends with. */
async function faultOf<T>(work: () => T | Promise<T>): Promise<T | InputError> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof InputError) return error
    throw error
  }
}

function concludeFaults(faults: InputError[]): Conclusion {
  const evidence = faults.map(({ message, hint }): Evidence => ({
    subject: 'input',
    finding: message,
    next: hint,
    tone: 'bad',
  }))
  return {
    status: 'failure',
    reason: 'input-invalid',
    summary: faults.map(({ message }) => message).join('; '),
    next: faults.map(({ hint }) => hint).join(' '),
    evidence: evidence.length > 1 ? evidence : [],
  }
}

/** An image's tag is the version, and a tag has no room for the + of build metadata. */
function readVersion(given: string): string {
  const accepted = 'a tag with a full semantic version, like v1.2.3 or v1.3.0-rc.1'
  if (given === '')
    throw InputError.of('version', undefined, accepted, 'Push such a tag, or run the workflow on one.')
  if (given.includes('+')) throw InputError.of('version', given, `${accepted}, without build metadata (+)`)
  return parseVersion('version', given)
}

function checkImage(raw: string, { dockerfile }: CheckInputs): void {
  if (raw === '' && dockerfile === '') return
  if (dockerfile !== '') requireRepository('image', raw)
  else parseImage('image', raw)
}

async function checkFile(root: string, name: string, file: string): Promise<void> {
  if (file !== '' && !(await stat(join(root, file)).catch(() => undefined))?.isFile())
    throw new InputError(`${name} is ${JSON.stringify(file)}, and the repository has no such file`, {
      hint: `Set ${name} to the path of a file from the root of the repository.`,
    })
}

async function checkFolder(root: string, name: string, folder: string): Promise<void> {
  if (folder !== '' && !(await stat(join(root, folder)).catch(() => undefined))?.isDirectory())
    throw new InputError(`${name} is ${JSON.stringify(folder)}, and the repository has no such folder`, {
      hint: `Set ${name} to the path of a folder from the root of the repository.`,
    })
}

/** The jobs run `npm ci`, which wants a lock file, and then `npm run SCRIPT`. */
async function checkScript(
  root: string,
  name: 'test-script' | 'integration-script',
  inputs: CheckInputs,
): Promise<void> {
  const script = inputs[name]
  if (script === '') return
  const folder = inputs['working-directory']
  await checkFolder(root, 'working-directory', folder)
  const scripts = await readScripts(root, folder)
  if (!Object.hasOwn(scripts, script))
    throw InputError.of(
      name,
      script,
      `a script of ${join(folder, 'package.json')}: ${Object.keys(scripts).join(', ') || 'it has none'}`,
    )
  const locks = ['package-lock.json', 'npm-shrinkwrap.json']
  const found = await Promise.all(locks.map(file => stat(join(root, folder, file)).catch(() => undefined)))
  if (found.every(file => file === undefined))
    throw new InputError(`working-directory is ${JSON.stringify(folder)}, which has no package-lock.json`, {
      hint: 'The tests are installed with npm ci, which needs it: run npm install there, and commit package-lock.json.',
    })
}

async function readScripts(root: string, folder: string): Promise<Record<string, unknown>> {
  const file = join(folder, 'package.json')
  const text = await readFile(join(root, file), 'utf8').catch((cause: unknown) => {
    throw new InputError(`working-directory is ${JSON.stringify(folder)}, which has no package.json`, {
      hint: 'Set working-directory to the folder of package.json.',
      cause,
    })
  })
  try {
    const { scripts } = JSON.parse(text) as { scripts?: Record<string, unknown> }
    return scripts ?? {}
  } catch (cause) {
    throw new InputError(`${file} is not JSON`, {
      hint: `Correct ${file}: npm cannot read it either.`,
      cause,
    })
  }
}

/** @throws InputError for a line that `docker build --build-arg` would not take as one argument */
function parseBuildArguments(name: string, value: string): string[] {
  const lines = value.split('\n').filter(line => line !== '')
  const wrong = lines.findIndex(line => !/^[A-Za-z_]\w*=/.test(line))
  if (wrong >= 0)
    // The value may be a secret that does not belong there: only its place is named.
    throw new InputError(`${name}: line ${wrong + 1} is not NAME=VALUE`, {
      hint: `Write each build argument as NAME=VALUE on a line of its own.`,
    })
  return lines
}
