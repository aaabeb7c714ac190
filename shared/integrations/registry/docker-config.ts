import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { InputError, messageOf } from '../../outcome/errors.ts'
import { before } from '../../outcome/strip.ts'
import type { Exec } from '../../host/exec.ts'

/** What a registry is told of who asks. Secret. */
export interface RegistryLogin {
  username: string
  password: string
  /** An OAuth refresh token in the place of a password. */
  identityToken: string
}

/** What is needed to read the login that `docker login` left. */
export interface LoginSource {
  env: Record<string, string | undefined>
  exec: Exec
  signal: AbortSignal
  /** Hosts that the runbook names as token services of its registry (`image.token-hosts`); default: none. */
  tokenHosts?: readonly string[]
}

interface DockerConfig {
  auths?: Record<string, { auth?: string; username?: string; password?: string; identitytoken?: string }>
  credHelpers?: Record<string, string>
  credsStore?: string
}

/** Docker Hub's logins are kept under the address of its first API. */
export const hubKey = 'https://index.docker.io/v1/'

/** Folder of Docker's configuration: DOCKER_CONFIG, else ~/.docker. A variable that is empty is not set. */
export function dockerFolder(env: Record<string, string | undefined>): string {
  const { DOCKER_CONFIG: named = '', HOME: home = '' } = env
  return named === '' ? join(home === '' ? homedir() : home, '.docker') : named
}

/** What the logins of a registry are filed under. @param registry host and port; `docker.io` for Docker Hub */
export function loginKeys(registry: string): string[] {
  return registry === 'docker.io' ? [hubKey, 'index.docker.io', 'docker.io'] : [registry]
}

/**
 * The login that `docker login` left for a registry: in DOCKER_CONFIG, else in ~/.docker, by itself or in a credential
 * helper's hands.
 * @param registry host and port; `docker.io` for Docker Hub
 * @returns undefined when there is no login
 * @throws InputError when the file is not JSON
 */
export async function readLogin(registry: string, source: LoginSource): Promise<RegistryLogin | undefined> {
  const config = readConfig(join(dockerFolder(source.env), 'config.json'))
  const keys = loginKeys(registry)
  const helpers = new Map(Object.entries(config.credHelpers ?? {}))
  const named = keys.find(key => helpers.has(key))
  const helper = named === undefined ? config.credsStore : helpers.get(named)
  if (helper) {
    const login = await askHelper(helper, named ?? keys[0] ?? registry, source)
    if (login) return login
  }
  const entries = Object.entries(config.auths ?? {})
  const auth = entries.find(([key]) => keys.includes(key) || keys.includes(hostOf(key)))?.[1]
  if (!auth) return undefined
  const [username = '', ...rest] = Buffer.from(auth.auth ?? '', 'base64')
    .toString('utf8')
    .split(':')
  const login = {
    username: auth.username ?? username,
    password: auth.password ?? rest.join(':').replaceAll('\0', ''),
    identityToken: auth.identitytoken ?? '',
  }
  return login.username || login.identityToken ? login : undefined
}

function readConfig(file: string): DockerConfig {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return {}
  }
  try {
    return JSON.parse(text) as DockerConfig
  } catch (cause) {
    throw new InputError(`${file} is not JSON: ${messageOf(cause)}`, {
      hint: `Fix ${file}, or remove it and run docker login again.`,
      cause,
    })
  }
}

/** A helper that is not there, or knows no login, is as good as none: the registry says what it misses. */
async function askHelper(
  helper: string,
  key: string,
  { env, exec, signal }: LoginSource,
): Promise<RegistryLogin | undefined> {
  if (!/^[\w.-]+$/.test(helper)) return undefined
  try {
    const { code, stdout } = await exec.run(`docker-credential-${helper}`, ['get'], {
      env,
      stdin: key,
      signal,
      timeoutMs: 20_000,
    })
    if (code !== 0) return undefined
    const { Username = '', Secret = '' } = JSON.parse(stdout) as { Username?: string; Secret?: string }
    return Username === '<token>'
      ? { username: '', password: '', identityToken: Secret }
      : { username: Username, password: Secret, identityToken: '' }
  } catch {
    signal.throwIfAborted()
    return undefined
  }
}

function hostOf(key: string): string {
  return before(key.replace(/^https?:\/\//, ''), '/')
}
