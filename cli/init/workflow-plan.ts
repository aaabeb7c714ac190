import type { Environment } from '../../shared/config/environment.ts'
import type { Server } from './repository.ts'

/** Where the actions are published: what `uses: org/runbook-actions/rollback@v1` consists of. */
export interface Publication {
  /** `OWNER/NAME` on GitHub. */
  repository: string
  /** A tag, or the full SHA of a commit. */
  ref: string
}

/** Names of secrets, in the order in which the workflows list them. */
export interface Secrets {
  /** Of the environment alone. Where there are no GitHub environments, the repository has them with a prefix. */
  own: string[]
  /** The same for every environment of the repository. */
  shared: string[]
  /** Host of a registry that takes a login of its own, for steps that are given no image; empty for ghcr.io. */
  registry: string
}

/** One environment that a tag is released to. */
export interface PlannedEnvironment {
  name: string
  /** Label of the runner; a runner of GitHub's own, or one on the machine of a process target. */
  runner: 'ubuntu-latest' | 'self-hosted'
  /** Whether an image is deployed to it. */
  takesImage: boolean
  /** The secrets that its steps read. */
  secrets: Secrets
  /** Whether its backups are signed, with a secret that is an input of the root action. */
  signsBackups: boolean
  /** Whether GitHub is told what is live, which needs the right to write deployments. */
  recordsDeployments: boolean
}

/** What the workflows of a repository are made of. */
export interface WorkflowPlan {
  publication: Publication
  server: Server
  /** Repository of the image, without a tag; not used when no environment takes an image. */
  image: string
  /** Path of the file that the image is built from. */
  dockerfile: string
  /** In the order in which a tag reaches them; at least one. */
  environments: PlannedEnvironment[]
}

/** The environment of a developer's own machine: no workflow releases to it. */
const local = 'development'

/**
 * The environments that a tag is released to, in the order of the runbook, with the secrets that each needs: those that its
 * target, its registry and its runbook entry read, and no others.
 */
export function planEnvironments(environments: Environment[], image: string): PlannedEnvironment[] {
  return environments
    .filter(({ name }) => name !== local)
    .map(environment => ({
      name: environment.name,
      runner: environment.target.kind === 'process' ? 'self-hosted' : 'ubuntu-latest',
      takesImage: environment.target.kind !== 'process',
      secrets: secretsOf(environment, image),
      signsBackups: Boolean(environment.backup?.signedBy.length),
      recordsDeployments: environment.notify.github !== '',
    }))
}

function secretsOf(environment: Environment, image: string): Secrets {
  const { target, envFile, backup, notify, monitoring } = environment
  const only = (isRead: boolean, ...names: string[]) => (isRead ? names : [])
  return {
    own: [
      ...only(envFile !== '', 'ENV_FILE'),
      ...only(Boolean(backup?.envFile), 'BACKUP_ENV_FILE'),
      ...only(target.kind === 'kubernetes', 'KUBECONFIG'),
      ...(target.kind === 'docker' ? dockerSecrets(target.host) : []),
    ],
    shared: [
      ...(target.kind === 'process' ? [] : registrySecrets(image)),
      ...only(notify.slack !== '', notify.slack),
      ...only(monitoring.grafana !== '', 'GRAFANA_TOKEN'),
      ...only(monitoring.prometheus !== '', 'PROMETHEUS_TOKEN'),
    ],
    registry:
      target.kind === 'process' || registrySecrets(image).length === 0 ? '' : (image.split('/')[0] ?? ''),
  }
}

/**
 * The name that a secret of an environment has in a repository without GitHub environments: `STAGING_ENV_FILE`. GitHub takes no
 * name that begins with a digit or with `GITHUB_`.
 */
export function prefixed(environment: string, secret: string): string {
  const name = `${environment.toUpperCase().replaceAll('-', '_')}_${secret}`
  return /^(?:\d|GITHUB_)/.test(name) ? `_${name}` : name
}

/** @param host as the runbook says it; without one, the secret DOCKER_HOST does */
function dockerSecrets(host: string | undefined): string[] {
  const ssh = ['DOCKER_SSH_KEY', 'DOCKER_SSH_KNOWN_HOSTS']
  if (host === undefined) return ['DOCKER_HOST', ...ssh]
  return host.startsWith('ssh:') ? ssh : []
}

/** An image of ghcr.io is pushed and pulled with the token of the run. */
export function registrySecrets(image: string): string[] {
  return image.startsWith('ghcr.io/') ? [] : ['REGISTRY_USERNAME', 'REGISTRY_PASSWORD']
}
