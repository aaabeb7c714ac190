import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { InputError } from '../outcome/errors.ts'
import { parseDuration } from '../runbook/values.ts'
import { parseYaml, type Located } from '../runbook/yaml.ts'
import { suiteSchema, type RequestSpec, type SuiteSpec } from './schema.ts'
import { captureReferences, environmentReferences } from './references.ts'

/** One request of a suite, ready to be sent but for its references. */
export interface SmokeRequest extends Omit<RequestSpec, 'expect' | 'capture'> {
  /** `file:line`, or the suite's name when it is built in. */
  where: string
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
  /** Path that the load asks for. */
  loadPath: string
}

/** The guide's path for measuring the way to the service. */
const pingPath = '/api/v1/ping'

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
  if (file === '') return toSuite(guideSuite, () => 'the built-in suite')
  return parseSuite(file, read(root, file))
}

/** @param file its path, for error messages */
export function parseSuite(file: string, text: string): Suite {
  const { data, lineOf }: Located<SuiteSpec> = parseYaml(file, 'a suite', text, suiteSchema)
  const suite = toSuite(data, index => `${file}:${lineOf(['requests', index])}`)
  refuseUnknownReferences(suite)
  return suite
}

/** Names of the environment variables that the suite's requests carry: secrets, mostly. */
export function variablesOf({ requests }: Suite): { name: string; where: string }[] {
  return requests.flatMap(request =>
    environmentReferences(request).map(name => ({ name, where: request.where })),
  )
}

function toSuite(spec: SuiteSpec, whereOf: (index: number) => string): Suite {
  return {
    name: spec.name,
    loadPath: spec.load?.path ?? pingPath,
    requests: spec.requests.map((request, index): SmokeRequest => {
      const { expect = {}, capture = {}, ...rest } = request
      const { status = 200, latency, ...others } = expect
      const where = whereOf(index)
      return {
        ...rest,
        where,
        capture,
        expect: {
          ...others,
          statuses: Array.isArray(status) ? status : [status],
          latencyMs: latency === undefined ? undefined : parseDuration(`${where} latency`, latency),
        },
      }
    }),
  }
}

function refuseUnknownReferences({ requests }: Suite): void {
  const known = new Set<string>()
  for (const request of requests) {
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
  try {
    return readFileSync(resolve(root, file), 'utf8')
  } catch (cause) {
    throw new InputError(`suite: ${file} cannot be read`, {
      hint: "Set suite to the path of a suite in the repository, or leave it out for the guide's endpoints.",
      cause,
    })
  }
}
