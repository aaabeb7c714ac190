import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InputError } from '../../outcome/errors.ts'
import { dockerFolder } from '../../integrations/registry/docker-config.ts'
import { parseImage } from '../../integrations/registry/image-reference.ts'
import {
  hasLogin,
  mergeLogin,
  ownDockerConfig,
  type RegistryUser,
} from '../../integrations/registry/registry-login.ts'
import type { Secrets } from '../../host/secrets/secrets.ts'

type Env = Record<string, string | undefined>

/** What a job hands to a step in its environment. Where a program needs a file, there is one while the step runs. */
export interface JobCredentials {
  /** The step's environment for itself and its children, without the values that were taken from it. */
  env: Env
  /** Path of the env-file of the environment; empty when the job gives none. */
  envFile: string
  /** Path of the env-file with the keys of the backup store; empty when the job gives none. */
  backupEnvFile: string
  /** Content of a kubeconfig; empty when the job gives none. */
  kubeconfig: string
  /** Removes the files. */
  remove: () => void
}

/** What is known of the step when its credentials are read. */
export interface CredentialRequest {
  env: Env
  secrets: Secrets
  /** Name of the environment: the env-file is called after it in errors. */
  environment: string
  /** Image that is deployed, by whose registry the login is; empty when it is not known. */
  image: string
  /** Token of the job, where an input gives it; default: GITHUB_TOKEN. */
  token: string
}

/** Taken from the environment: programs that the step starts do not see them. */
const taken = [
  'ENV_FILE',
  'BACKUP_ENV_FILE',
  'DOCKER_SSH_KEY',
  'DOCKER_SSH_KNOWN_HOSTS',
  'RUNBOOK_REGISTRY',
  'REGISTRY_USERNAME',
  'REGISTRY_PASSWORD',
]

/**
 * Reads the credentials that a job gives a step as environment variables, which is the only way in which GitHub hands the
 * secrets of an environment to a step without a shell. They are masked before anything else is done.
 *
 * `ENV_FILE`, `BACKUP_ENV_FILE`: content of env-files. `KUBECONFIG`: content, or path, of a kubeconfig. `DOCKER_HOST`,
 * `DOCKER_SSH_KEY`, `DOCKER_SSH_KNOWN_HOSTS`: the Docker engine, and how ssh reaches it. `REGISTRY_USERNAME`,
 * `REGISTRY_PASSWORD`: a user who may pull the image from its registry. A step that is given no image, as a rollback, takes
 * the registry from `RUNBOOK_REGISTRY`: its name, or an image of it; default: ghcr.io. An image of ghcr.io is pulled with the
 * token of the job when neither these nor the machine have a login. An empty value is one that the job does not have.
 * @throws InputError when one is given without another that it needs
 */
export function receiveCredentials(request: CredentialRequest): JobCredentials {
  const { env: given, secrets, environment } = request
  const said = (name: string) => given[name] ?? ''
  const isContent = /[\r\n]|^\s*\{/.test(said('KUBECONFIG'))
  for (const name of ['DOCKER_SSH_KEY', 'REGISTRY_PASSWORD']) secrets.add(said(name))
  if (isContent) secrets.add(said('KUBECONFIG'))
  const user = registryUser(request)
  if (said('DOCKER_SSH_KEY') !== '' && said('DOCKER_SSH_KNOWN_HOSTS') === '')
    throw InputError.of(
      'DOCKER_SSH_KNOWN_HOSTS',
      undefined,
      'lines as `ssh-keyscan HOST` prints them',
      'Set it beside DOCKER_SSH_KEY, after comparing the lines with /etc/ssh/ssh_host_*_key.pub of that host.',
    )
  const files = openFolder(said('RUNNER_TEMP') || tmpdir())
  const kept = Object.entries(given).filter(
    ([name, value]) =>
      !taken.includes(name) &&
      !(name === 'KUBECONFIG' && (isContent || value === '')) &&
      !(name === 'DOCKER_HOST' && value === ''),
  )
  const file = (name: string, content: string) => (content === '' ? '' : files.write(name, endLine(content)))
  try {
    return {
      env: {
        ...Object.fromEntries(kept),
        ...(said('DOCKER_SSH_KEY') === '' ? {} : { RUNBOOK_SSH_CONFIG: writeSsh(files, given) }),
        ...(user ? { DOCKER_CONFIG: writeLogin(files, given, user) } : {}),
      },
      envFile: file(`.env.${environment}`, said('ENV_FILE')),
      backupEnvFile: file(`.env.${environment}.backup`, said('BACKUP_ENV_FILE')),
      kubeconfig: isContent ? said('KUBECONFIG') : '',
      remove: files.remove,
    }
  } catch (error) {
    files.remove()
    throw error
  }
}

function registryUser({ env, image, token: given }: CredentialRequest): RegistryUser | undefined {
  const said = (name: string) => env[name] ?? ''
  const username = said('REGISTRY_USERNAME')
  const password = said('REGISTRY_PASSWORD')
  if ((username === '') !== (password === ''))
    throw InputError.of(
      username === '' ? 'REGISTRY_USERNAME' : 'REGISTRY_PASSWORD',
      undefined,
      'the user, and the password or token, of the registry',
      'Set both REGISTRY_USERNAME and REGISTRY_PASSWORD, or neither.',
    )
  const registry = registryOf(said('RUNBOOK_REGISTRY'), image)
  if (username !== '') return { registry, username, password }
  const token = given || said('GITHUB_TOKEN')
  const isGitHub = registry === 'ghcr.io' && said('GITHUB_SERVER_URL') === 'https://github.com'
  if (!isGitHub || token === '' || hasLogin(ownDockerConfig(dockerFolder(env)), registry)) return undefined
  return { registry, username: said('GITHUB_ACTOR') || 'token', password: token }
}

/** @param named the name of a registry, or an image; empty: the registry of `image` */
function registryOf(named: string, image: string): string {
  if (image !== '') return parseImage('image', image).registry
  return named.includes('/') ? parseImage('RUNBOOK_REGISTRY', named).registry : named || 'ghcr.io'
}

/** The machine's own configuration with one more login: its contexts and their certificates are kept. */
function writeLogin(files: Files, env: Env, user: RegistryUser): string {
  const own = dockerFolder(env)
  const folder = files.folder('docker')
  for (const part of ['contexts', 'ca.pem', 'cert.pem', 'key.pem'])
    if (existsSync(join(own, part))) cpSync(join(own, part), join(folder, part), { recursive: true })
  files.write('docker/config.json', JSON.stringify(mergeLogin(ownDockerConfig(own), user)))
  return folder
}

function writeSsh(files: Files, env: Env): string {
  const key = files.write('ssh-key', endLine(unixLines(env['DOCKER_SSH_KEY'] ?? '')))
  const hosts = files.write('ssh-known-hosts', endLine(unixLines(env['DOCKER_SSH_KNOWN_HOSTS'] ?? '')))
  return files.write(
    'ssh-config',
    [
      `IdentityFile "${key}"`,
      `UserKnownHostsFile "${hosts}"`,
      'IdentitiesOnly yes',
      'StrictHostKeyChecking yes',
      'BatchMode yes',
      '',
    ].join('\n'),
  )
}

interface Files {
  /** @returns the path of the file, which only this user can read */
  write(name: string, content: string): string
  folder(name: string): string
  remove: () => void
}

/** A folder of this step's own, made when the first file is written. */
function openFolder(parent: string): Files {
  let root = ''
  const open = () => (root ||= mkdtempSync(join(parent, 'runbook-')))
  return {
    write(name, content) {
      const path = join(open(), name)
      writeFileSync(path, content, { mode: 0o600, flag: 'wx' })
      return path
    },
    folder(name) {
      const path = join(open(), name)
      mkdirSync(path, { mode: 0o700 })
      return path
    },
    remove() {
      if (root !== '') rmSync(root, { recursive: true, force: true })
    },
  }
}

function unixLines(text: string): string {
  return text.replaceAll('\r', '')
}

function endLine(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`
}
