import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { dockerFolder } from '../../../integrations/registry/docker-config.ts'
import { InputError, messageOf, quote } from '../../../outcome/errors.ts'

/** Which Docker engine, and by what it is known that it is the right one. */
export interface EngineAddress {
  /** `unix:///path`, `tcp://host:port` or `ssh://user@host` */
  host: string
  /** Who said so, for error messages: `DOCKER_HOST`, `Docker context staging`, ... */
  source: string
  /** Undefined for a connection without TLS. */
  tls: EngineTls | undefined
}

/** PEM files, as node:tls takes them. */
export interface EngineTls {
  ca?: Buffer
  cert?: Buffer
  key?: Buffer
  /** False only when a context says that the engine's certificate is not to be checked. */
  rejectUnauthorized: boolean
}

const local = 'unix:///var/run/docker.sock'

/**
 * Finds the engine as the docker command does: what is named here, else DOCKER_HOST, else the context of DOCKER_CONTEXT,
 * else the current one of the user's configuration, else the engine of this machine.
 * @param named the runbook's `host`; empty when it names none
 * @throws InputError when a context or certificates are named and are not there
 */
export function engineAddress(named: string, env: Record<string, string | undefined>): EngineAddress {
  const folder = dockerFolder(env)
  if (named) return { host: named, source: "the runbook's host", tls: tlsOf(env, folder, named) }
  const host = env['DOCKER_HOST']
  if (host) return { host, source: 'DOCKER_HOST', tls: tlsOf(env, folder, host) }
  const context = said(env, 'DOCKER_CONTEXT') ?? currentContext(join(folder, 'config.json'))
  if (!context || context === 'default') return { host: local, source: 'the default', tls: undefined }
  return contextAddress(context, join(folder, 'contexts'))
}

/**
 * Refuses an engine that is spoken to in plain text over a network: a machine on the way reads the secrets of every
 * release, and is root on that host.
 * @param allowed the runbook's `allow-plain-tcp`
 * @throws InputError
 */
export function requireEncryption({ host, source, tls }: EngineAddress, allowed: boolean): void {
  const url = URL.parse(host)
  if (allowed || tls || !/^(tcp|http):$/.test(url?.protocol ?? '') || isLoopback(url?.hostname ?? '')) return
  throw new InputError(`${source}: ${quote(host)} is neither encrypted nor authenticated`, {
    hint: 'Use ssh://user@host, or TLS: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem. Where the network itself is protected, set target.allow-plain-tcp: true in the runbook.',
  })
}

function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname)
}

/** An empty variable is as good as none. */
function said(env: Record<string, string | undefined>, name: string): string | undefined {
  const value = env[name]
  return value === '' ? undefined : value
}

/** As for the docker command, DOCKER_TLS_VERIFY asks for TLS; so do certificates that are named, or `https:`. */
function tlsOf(env: Record<string, string | undefined>, folder: string, host: string): EngineTls | undefined {
  if (!/^(tcp|https?):/.test(host)) return undefined
  const named = env['DOCKER_CERT_PATH']
  if (named) return { ...certificates(named, `DOCKER_CERT_PATH ${quote(named)}`), rejectUnauthorized: true }
  if (!env['DOCKER_TLS_VERIFY'] && !host.startsWith('https:')) return undefined
  const usual = existsSync(join(folder, 'cert.pem')) ? certificates(folder, folder) : {}
  return { ...usual, rejectUnauthorized: true }
}

function certificates(folder: string, name: string): Omit<EngineTls, 'rejectUnauthorized'> {
  const read = (file: string) => {
    try {
      return readFileSync(join(folder, file))
    } catch (cause) {
      throw new InputError(`${name}: ${file} cannot be read: ${messageOf(cause)}`, {
        hint: 'Put ca.pem, cert.pem and key.pem of the Docker engine there.',
        cause,
      })
    }
  }
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
}

function currentContext(file: string): string {
  const text = readIfThere(file)?.toString('utf8')
  if (text === undefined) return ''
  try {
    return (JSON.parse(text) as { currentContext?: string }).currentContext ?? ''
  } catch (cause) {
    throw new InputError(`${file} is not JSON: ${messageOf(cause)}`, { hint: `Fix ${file}.`, cause })
  }
}

/** The docker command keeps a context under the SHA-256 of its name. */
function contextAddress(name: string, folder: string): EngineAddress {
  const id = createHash('sha256').update(name).digest('hex')
  const source = `Docker context ${name}`
  const text = readIfThere(join(folder, 'meta', id, 'meta.json'))?.toString('utf8')
  const endpoint = text === undefined ? undefined : endpointIn(text)
  if (!endpoint?.Host) {
    throw new InputError(`${source}: there is no such context with a Docker engine in ${folder}`, {
      hint: 'Look at docker context ls; name the engine with DOCKER_HOST, or unset DOCKER_CONTEXT.',
    })
  }
  const tls = join(folder, 'tls', id, 'docker')
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map(file => readIfThere(join(tls, file)))
  const secured = ca ?? cert ?? key
  return {
    host: endpoint.Host,
    source,
    tls: secured && {
      ...(ca ? { ca } : {}),
      ...(cert ? { cert } : {}),
      ...(key ? { key } : {}),
      rejectUnauthorized: endpoint.SkipTLSVerify !== true,
    },
  }
}

function endpointIn(text: string): { Host?: string; SkipTLSVerify?: boolean } | undefined {
  try {
    const { Endpoints } = JSON.parse(text) as {
      Endpoints?: Record<string, { Host?: string; SkipTLSVerify?: boolean }>
    }
    return Endpoints?.['docker']
  } catch {
    return undefined
  }
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}
