import { basename } from 'node:path'

/** Variables of a process. */
export type Variables = Record<string, string | undefined>

/** What any program needs to run at all: places, language, time zone, proxies and certificates. `*` ends a prefix. */
const base = [
  ...[
    'PATH',
    'LD_LIBRARY_PATH',
    'HOME',
    'USER',
    'LOGNAME',
    'SHELL',
    'TMPDIR',
    'TMP',
    'TEMP',
    'TERM',
    'NO_COLOR',
  ],
  ...['LANG', 'LANGUAGE', 'LC_*', 'TZ', 'CI'],
  ...[
    'HTTP_PROXY',
    'HTTPS_PROXY',
    'NO_PROXY',
    'ALL_PROXY',
    'http_proxy',
    'https_proxy',
    'no_proxy',
    'all_proxy',
  ],
  ...['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
  ...['XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_RUNTIME_DIR'],
]

const git = ['GIT_*', 'SSH_AUTH_SOCK']
const postgres = ['PG*']
/** Where the credential helpers of the clouds' registries look. */
const clouds = ['AWS_*', 'AZURE_*', 'GOOGLE_*', 'CLOUDSDK_*']
const docker = ['DOCKER_*', 'BUILDX_*', 'BUILDKIT_*', 'SSH_AUTH_SOCK', ...clouds]
/** They run code of the service. What names a token or a password is left out: see `withoutSecrets`. */
const packages = [
  ...['NODE_ENV', 'NODE_OPTIONS', 'npm_config_*', 'NPM_CONFIG_*', 'COREPACK_*', 'PNPM_HOME', 'YARN_*'],
  ...['CC', 'CXX', 'CFLAGS', 'CXXFLAGS', 'LDFLAGS', 'PYTHON', 'MAKEFLAGS', 'JOBS', 'HUSKY'],
  ...['PUPPETEER_SKIP_DOWNLOAD', 'PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD', 'CYPRESS_INSTALL_BINARY'],
]

/** What programs need beside `base`, by their name. A program that is not here gets `base` alone. */
const needs = new Map<string, readonly string[]>([
  ...each(['npm', 'npx', 'pnpm', 'yarn', 'yarnpkg', 'bun', 'corepack', 'node'], packages),
  ...each(['git'], git),
  ...each(['ssh'], ['SSH_AUTH_SOCK', 'SSH_AGENT_PID']),
  // A remote base of a kustomization is fetched with git.
  ...each(['kubectl', 'kustomize'], git),
  // The variables that it hands on to a container of PostgreSQL's programs are PostgreSQL's own.
  ...each(['docker', 'docker-compose'], [...docker, ...postgres]),
  ...each(['grype', 'trivy', 'osv-scanner'], [...docker, 'GRYPE_*', 'SYFT_*', 'TRIVY_*', 'OSV_*']),
  ...each(['pg_dump', 'pg_dumpall', 'pg_restore', 'psql', 'stdbuf'], postgres),
  ...each(['gpg', 'gpgconf'], ['GNUPGHOME', 'GPG_TTY']),
  ...each(['pm2'], ['PM2_HOME']),
])

/** Programs whose variables are for packages of the service: the names of secrets among them are left out. */
const withoutSecrets = new Set([...needs.keys()].filter(name => needs.get(name) === packages))

/** `_authToken`, `NPM_CONFIG__AUTH`, `YARN_NPM_AUTH_TOKEN`, `npm_config__password` */
const ofSecret = /auth|token|passw|secret|key/i

function each(programs: string[], names: readonly string[]): [string, readonly string[]][] {
  return programs.map(program => [program, names])
}

/**
 * What a program is given of this process's variables. This process has the inputs of its step, the job's tokens and
 * whatever the workflow sets; a program gets what it needs to do its own work, and no more.
 * @param file name or path of the program
 * @param inherited variables of this process
 * @param given variables that the caller sets for this program: they are handed on as they are
 */
export function childEnvironment(file: string, inherited: Variables, given: Variables = {}): Variables {
  const program = basename(file)
  const isHelper = program.startsWith('docker-credential-')
  const names = [...base, ...(isHelper ? docker : (needs.get(program) ?? []))]
  const kept = Object.entries(inherited).filter(
    ([name]) =>
      names.some(each => matches(each, name)) && !(withoutSecrets.has(program) && ofSecret.test(name)),
  )
  return { ...Object.fromEntries(kept), ...given }
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name
}
