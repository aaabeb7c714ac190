import { z } from 'zod'
import { InputError } from '../outcome/errors.ts'
import { readTextFile } from '../config/text-file.ts'
import { parseDuration } from '../config/values.ts'
import { parseYaml, type Located } from '../config/yaml.ts'
import { variablesOfAuth } from './authorization.ts'
import { captureReferences, environmentReferences } from './references.ts'
import { suiteSchema, type Auth, type RequestSpec, type SuiteSpec } from './schema.ts'

/** What is asked for, but for its references. */
export interface Asked {
  /** `file:line`, or the suite's name when it is built in. */
  where: string
  path: string
  headers: Record<string, string>
  auth: Auth | undefined
  /** An answer that takes longer counts as none. */
  timeoutMs: number
}

/** One request of a suite. */
export interface SmokeRequest extends Asked {
  name: string
  method: string
  body: RequestSpec['body']
  /** How many are followed. */
  redirects: number
  retry: { times: number; everyMs: number; because: string }
  expect: Expectation
  /** Values of the answer that later requests use: name to JSON path. */
  capture: Record<string, string>
}

/** What an answer has to be. */
export interface Expectation extends Omit<NonNullable<RequestSpec['expect']>, 'status' | 'latency'> {
  statuses: number[]
  /** Milliseconds; undefined when it does not matter. */
  latencyMs: number | undefined
}

/** Requests that are sent one after the other, and what load is sent when all of them did well. */
export interface Suite {
  name: string
  requests: SmokeRequest[]
  load: Asked
}

/** The guide's path for measuring the way to the service. */
const pingPath = '/api/v1/ping'

/** Where the requests of the guide's endpoints stand. */
export const builtIn = 'the built-in suite'

/**
 * The guide's endpoints: the process, its dependencies, its metrics, and the cheapest request of the API. `/health` may
 * not be slower than a load balancer's usual patience.
 */
const guideSuite: SuiteSpec = {
  name: 'the guide',
  requests: [
    { name: 'health', path: '/health', expect: { status: 200, latency: '2s' } },
    {
      name: 'status',
      path: '/api/v1/status',
      expect: {
        status: 200,
        json: {
          'checks.database.status': { matches: '^(up|ok|healthy|pass)$' },
          'checks.cache.status': { matches: '^(up|ok|healthy|pass)$' },
        },
      },
    },
    {
      name: 'metrics',
      path: '/api/v1/metrics',
      headers: { accept: 'application/json' },
      expect: { status: 200 },
    },
    { name: 'ping', path: pingPath, expect: { status: 200, latency: '2s' } },
  ],
}

/**
 * Reads a suite.
 * @param file path relative to `root`; empty for the built-in suite of the guide's endpoints
 * @throws InputError that names file, line, key, what was found and what is accepted
 */
export function loadSuite(root: string, file: string): Suite {
  if (file === '') return toSuite(guideSuite, () => builtIn)
  return parseSuite(file, read(root, file))
}

/**
 * Reads a suite as its file says it, to be recorded.
 * @throws InputError as `loadSuite`
 */
export function readSuite(root: string, file: string): SuiteSpec {
  return file === '' ? guideSuite : parseYaml<SuiteSpec>(file, 'a suite', read(root, file), suiteSchema).data
}

/**
 * A suite that was recorded, as it is sent.
 * @param of where it is from, for evidence: `smoke.yml of v1.0.0`
 * @throws InputError as `parseSuite`
 */
export function suiteOf(spec: SuiteSpec, of: string): Suite {
  const suite = toSuite(spec, () => of)
  refuseUnknownReferences(suite)
  return suite
}

/** @param file its path, for error messages */
export function parseSuite(file: string, text: string): Suite {
  const { data, lineOf }: Located<SuiteSpec> = parseYaml(file, 'a suite', text, suiteSchema)
  const suite = toSuite(data, path => `${file}:${lineOf(path)}`)
  refuseUnknownReferences(suite)
  return suite
}

/** An environment variable that a request carries: a secret, mostly. */
export interface Variable {
  name: string
  where: string
  /** It has to be what a header can hold. */
  inHeader: boolean
}

/** Every environment variable that the suite needs. */
export function variablesOf({ requests, load }: Suite): Variable[] {
  return [...requests, load].flatMap(({ where, path, headers, auth, ...rest }: Asked) => {
    const inHeaders = [...environmentReferences({ path: '', headers }), ...variablesOfAuth(auth)]
    const elsewhere = environmentReferences({ path, ...rest })
    return [
      ...inHeaders.map(name => ({ name, where, inHeader: true })),
      ...elsewhere.map(name => ({ name, where, inHeader: false })),
    ]
  })
}

/** Names of the captured values that go into a header: tokens and session ids, which are not to be shown. */
export function capturedSecrets({ requests, load }: Suite): Set<string> {
  return new Set([...requests, load].flatMap(({ headers }) => captureReferences({ path: '', headers })))
}

/** The schema of suites for editors, as JSON Schema. */
export function suiteJsonSchema(): object {
  return { $id: 'smoke.schema.json', title: 'A smoke suite', ...z.toJSONSchema(suiteSchema) }
}

function toSuite(spec: SuiteSpec, lineOf: (path: (string | number)[]) => string): Suite {
  return {
    name: spec.name,
    requests: spec.requests.map((request, index) => toRequest(spec, request, lineOf(['requests', index]))),
    load: { path: pingPath, ...asked(spec, spec.load ?? {}, lineOf(['load'])) },
  }
}

function toRequest(suite: SuiteSpec, request: RequestSpec, where: string): SmokeRequest {
  const { expect = {}, retry } = request
  const { status = 200, latency, ...others } = expect
  const ms = (key: string, text: string) => parseDuration(`${where} ${key}`, text)
  return {
    ...asked(suite, request, where),
    name: request.name,
    method: request.method ?? 'GET',
    path: request.path,
    body: request.body,
    redirects: request.redirects ?? 0,
    retry: {
      times: retry?.times ?? 0,
      everyMs: ms('retry.every', retry?.every ?? '1s'),
      because: retry?.because ?? '',
    },
    capture: request.capture ?? {},
    expect: {
      ...others,
      statuses: Array.isArray(status) ? status : [status],
      latencyMs: latency === undefined ? undefined : ms('latency', latency),
    },
  }
}

/** What goes along: the suite's own headers and credentials, unless the request has others. */
function asked(
  suite: SuiteSpec,
  said: Pick<RequestSpec, 'headers' | 'auth' | 'timeout'> & { path?: string | undefined },
  where: string,
): Omit<Asked, 'path'> & { path?: string } {
  const { path, headers = {}, auth, timeout = '10s' } = said
  const own = new Set(Object.keys(headers).map(name => name.toLowerCase()))
  if (own.has('authorization') && auth !== undefined && auth !== 'none') {
    throw new InputError(`${where} has both auth and an authorization header; accepted: one of them`, {
      hint: 'Remove the header: auth writes it.',
    })
  }
  const inherited = Object.entries(suite.headers ?? {}).filter(([name]) => !own.has(name.toLowerCase()))
  const credentials = auth ?? (own.has('authorization') ? 'none' : suite.auth)
  return {
    where,
    ...(path === undefined ? {} : { path }),
    headers: { ...Object.fromEntries(inherited), ...headers },
    auth: credentials === 'none' ? undefined : credentials,
    timeoutMs: parseDuration(`${where} timeout`, timeout),
  }
}

function refuseUnknownReferences({ requests, load }: Suite): void {
  const known = new Set<string>()
  for (const request of [...requests, { ...load, name: 'load', capture: {} }]) {
    const unknown = captureReferences(request).find(name => !known.has(name))
    if (unknown !== undefined) {
      const accepted =
        [...known].map(name => `\${${name}}`).join(', ') || 'nothing: no request before it captures'
      throw InputError.of(
        request.where,
        `\${${unknown}}`,
        accepted,
        `Capture ${unknown} in a request before "${request.name}", or write \${env:${unknown}} for an environment variable.`,
      )
    }
    for (const name of Object.keys(request.capture)) known.add(name)
  }
}

function read(root: string, file: string): string {
  const missing =
    "Set suite to the path of a suite in the repository, or leave it out for the guide's endpoints."
  return readTextFile({ input: 'suite', root, file, missing }).text
}
