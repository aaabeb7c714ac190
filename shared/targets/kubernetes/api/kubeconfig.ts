import { readFileSync } from 'node:fs'
import type { AgentOptions } from 'node:https'
import { delimiter, dirname, join, resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { InputError, messageOf, ToolError } from '../../../outcome/errors.ts'
import type { Adapters } from '../../adapters.ts'

/** How the API server is reached, and as whom. */
export interface Connection {
  server: URL
  agent: AgentOptions
  /** Asked again after an answer 401: credentials of a plugin run out. */
  authorize(): Promise<Record<string, string>>
}

interface Kubeconfig {
  clusters: { name: string; cluster: Cluster }[]
  users: { name: string; user: User }[]
  contexts: { name: string; context: { cluster: string; user: string } }[]
  'current-context'?: string
}

interface Cluster {
  server: string
  'certificate-authority'?: string
  'certificate-authority-data'?: string
  'insecure-skip-tls-verify'?: boolean
  'tls-server-name'?: string
  'proxy-url'?: string
}

interface User {
  'client-certificate'?: string
  'client-certificate-data'?: string
  'client-key'?: string
  'client-key-data'?: string
  token?: string
  tokenFile?: string
  username?: string
  password?: string
  exec?: unknown
  'auth-provider'?: unknown
}

/** kubectl (sigs.k8s.io/yaml) reads a number or a boolean where a text is wanted as a text, and null as nothing. */
const text = z.union([z.string(), z.number().transform(String), z.boolean().transform(String)])
const optional = text.nullish().transform(value => value ?? undefined)
const listOf = <T extends z.ZodType>(each: T) => z.array(each).nullish()

const schema = z.looseObject({
  clusters: listOf(
    z.looseObject({
      name: text,
      cluster: z.looseObject({
        server: text.nullish().transform(value => value ?? ''),
        'certificate-authority': optional,
        'certificate-authority-data': optional,
        'insecure-skip-tls-verify': z.boolean().nullish(),
        'tls-server-name': optional,
        'proxy-url': optional,
      }),
    }),
  ),
  users: listOf(
    z.looseObject({
      name: text,
      user: z
        .looseObject({
          'client-certificate': optional,
          'client-certificate-data': optional,
          'client-key': optional,
          'client-key-data': optional,
          token: optional,
          tokenFile: optional,
          username: optional,
          password: optional,
        })
        .nullish()
        .transform(value => value ?? {}),
    }),
  ),
  contexts: listOf(
    z.looseObject({
      name: text,
      context: z.looseObject({ cluster: text, user: text.nullish().transform(value => value ?? '') }),
    }),
  ),
  'current-context': optional,
})

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * Finds the cluster as kubectl does: the kubeconfig that was given, else KUBECONFIG, else ~/.kube/config, else the pod's
 * own service account. Certificates, tokens and passwords are read here, since that takes no library (whose start costs
 * 110 ms); plugins and identity providers are left to client-node, which is loaded for them alone.
 * @throws InputError when there is no usable kubeconfig
 */
export function connect(adapters: Adapters, context: string | undefined): Connection {
  const config = load(adapters)
  const name = context ?? config['current-context']
  const names = config.contexts.map(each => each.name).join(', ')
  if (name === undefined || name === '') {
    throw InputError.of('kubeconfig current-context', undefined, names || 'the name of a context')
  }
  const chosen = config.contexts.find(each => each.name === name)?.context
  if (!chosen) throw InputError.of('context', name, names || 'a context: the kubeconfig has none')
  const cluster = config.clusters.find(each => each.name === chosen.cluster)?.cluster
  if (!cluster || !URL.canParse(cluster.server)) {
    throw InputError.of(
      `kubeconfig cluster ${chosen.cluster}`,
      cluster?.server,
      'a cluster with a server URL',
    )
  }
  const user = config.users.find(each => each.name === chosen.user)?.user ?? {}
  const agent = agentOptions(cluster, user, adapters)
  return {
    server: new URL(cluster.server),
    agent,
    authorize:
      user.exec || user['auth-provider']
        ? () => authorizeByPlugin(config, name, agent)
        : () => Promise.resolve(authorizeByWord(user, adapters)),
  }
}

function agentOptions(cluster: Cluster, user: User, { env }: Adapters): AgentOptions {
  const proxy = cluster['proxy-url']
  const parts = {
    ca: material(cluster['certificate-authority-data'], cluster['certificate-authority']),
    cert: material(user['client-certificate-data'], user['client-certificate']),
    key: material(user['client-key-data'], user['client-key']),
    servername: cluster['tls-server-name'],
  }
  return {
    ...Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)),
    ...(cluster['insecure-skip-tls-verify'] ? { rejectUnauthorized: false } : {}),
    proxyEnv: proxy === undefined ? env : { HTTPS_PROXY: proxy, HTTP_PROXY: proxy },
  }
}

function material(data: string | undefined, file: string | undefined): Buffer | undefined {
  if (data) return Buffer.from(data, 'base64')
  return file ? Buffer.from(readText(file)) : undefined
}

function authorizeByWord(user: User, { secrets }: Adapters): Record<string, string> {
  const token = user.tokenFile ? readText(user.tokenFile).trim() : user.token
  if (token) {
    secrets.add(token)
    return { authorization: `Bearer ${token}` }
  }
  if (user.username === undefined) return {}
  secrets.add(user.password ?? '')
  const pair = Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64')
  return { authorization: `Basic ${pair}` }
}

async function authorizeByPlugin(
  config: Kubeconfig,
  context: string,
  agent: AgentOptions,
): Promise<Record<string, string>> {
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js')
  const options: { headers?: Record<string, string>; cert?: Buffer; key?: Buffer } = {}
  try {
    const loaded = new KubeConfig()
    loaded.loadFromString(JSON.stringify(config))
    loaded.setCurrentContext(context)
    await loaded.applyToHTTPSOptions(options)
  } catch (cause) {
    throw new ToolError(`The kubeconfig's credential plugin failed: ${messageOf(cause)}`, {
      tool: 'kubeconfig',
      reason: 'access-denied',
      hint: 'Run the plugin named in the kubeconfig by hand; it may not be installed here, or not be logged in.',
      cause,
    })
  }
  if (options.cert) agent.cert = options.cert
  if (options.key) agent.key = options.key
  return Object.fromEntries(
    Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  )
}

function load({ kubeconfig, env }: Adapters): Kubeconfig {
  if (/\n|^\s*[{]|^apiVersion:/.test(kubeconfig)) return parseKubeconfig('kubeconfig', kubeconfig, '')
  if (kubeconfig) return readFile(kubeconfig)
  const files = (env['KUBECONFIG'] ?? '').split(delimiter).filter(file => file !== '')
  if (files.length > 0) return files.map(readFile).reduce(merge)
  const home = join(env['HOME'] ?? '/', '.kube', 'config')
  const host = env['KUBERNETES_SERVICE_HOST']
  try {
    return readFile(home)
  } catch (error) {
    if (host) return ofPod(host, env['KUBERNETES_SERVICE_PORT'] ?? '443')
    throw new InputError(
      'kubeconfig is missing: neither the input, nor KUBECONFIG, nor ~/.kube/config is there',
      {
        hint: 'Give the kubeconfig input the content of a kubeconfig, from an environment secret.',
        cause: error,
      },
    )
  }
}

/** As kubectl merges: the first file that says something wins. */
function merge(first: Kubeconfig, second: Kubeconfig): Kubeconfig {
  return {
    clusters: [...first.clusters, ...second.clusters],
    users: [...first.users, ...second.users],
    contexts: [...first.contexts, ...second.contexts],
    'current-context': [first, second].map(each => each['current-context']).find(Boolean) ?? '',
  }
}

function readFile(file: string): Kubeconfig {
  return parseKubeconfig(file, readText(file), dirname(resolve(file)))
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new InputError(`kubeconfig: ${file} cannot be read`, {
      hint: 'Check the path; or give the content of the kubeconfig instead.',
      cause,
    })
  }
}

/** @throws InputError for what is no kubeconfig; its message quotes no value */
export function parseKubeconfig(where: string, text: string, folder: string): Kubeconfig {
  let parsed: unknown
  try {
    // A warning would be printed by Node, with lines of the text.
    parsed = parse(text, { logLevel: 'error' })
  } catch {
    // The parser's message would quote lines, and a kubeconfig holds secrets.
    throw new InputError(`kubeconfig: ${where} is not YAML`, {
      hint: 'Give it as kubectl config view --raw prints it.',
    })
  }
  if (typeof parsed !== 'object' || parsed === null || !('clusters' in parsed)) {
    throw new InputError(`kubeconfig: ${where} has no clusters`, {
      hint: 'Give it as kubectl config view --raw --minify prints it, not encoded.',
    })
  }
  const read = schema.safeParse(parsed)
  if (!read.success) {
    // Of an issue only its place: what was found there may be a secret.
    const [issue] = read.error.issues
    throw new InputError(
      `kubeconfig: ${where} has a value of another type than kubectl reads at ${(issue?.path ?? []).join('.')}`,
      { hint: 'Give it as kubectl config view --raw --minify prints it.' },
    )
  }
  const config = read.data as Partial<Kubeconfig>
  const absolute = <T extends object>(entry: T): T =>
    Object.fromEntries(
      Object.entries(entry).map(([key, value]) => [
        key,
        fileKeys.has(key) && typeof value === 'string' ? resolve(folder, value) : value,
      ]),
    ) as T
  return {
    clusters: (config.clusters ?? []).map(each => ({ ...each, cluster: absolute(each.cluster) })),
    users: (config.users ?? []).map(each => ({ ...each, user: absolute(each.user) })),
    contexts: config.contexts ?? [],
    'current-context': config['current-context'] ?? '',
  }
}

const fileKeys = new Set(['certificate-authority', 'client-certificate', 'client-key', 'tokenFile'])

function ofPod(host: string, port: string): Kubeconfig {
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`
  return {
    clusters: [{ name: 'pod', cluster: { server, 'certificate-authority': `${serviceAccount}/ca.crt` } }],
    users: [{ name: 'pod', user: { tokenFile: `${serviceAccount}/token` } }],
    contexts: [{ name: 'pod', context: { cluster: 'pod', user: 'pod' } }],
    'current-context': 'pod',
  }
}
