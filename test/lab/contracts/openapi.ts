import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Ajv, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'

/** A request as it came, or would come. */
export interface AskedRequest {
  method: string
  /** Path and query, without the path of the API's base. */
  path: string
  headers: Record<string, string | string[] | undefined>
  body: string
}

/** One operation of a published description, found for a request. */
export interface Operation {
  /** `GET /repos/{owner}/{repo}/commits/{ref}/status`. */
  name: string
  /** By the names in the path's template, decoded. */
  parameters: Record<string, string>
  query: URLSearchParams
  /** What of the request the description does not have; empty when it keeps to it. */
  complaints: string[]
  /** An answer's body as the description gives it for an example. */
  example(status: number, name?: string): unknown
  /** What of an answer the description does not have. */
  answerComplaints(status: number, body: unknown): string[]
}

/** An API by its published OpenAPI 3.0 description. */
export interface Description {
  /** Path that stands before every path: `/api/v3` on a GitHub Enterprise Server. */
  basePath: string
  /** Undefined when the description has no such method and path. */
  find(request: AskedRequest): Operation | undefined
}

interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required?: boolean
  schema: { type?: string }
}
interface Media {
  schema: object
  examples?: Record<string, { $ref?: string; value?: unknown }>
}
interface Described {
  parameters?: (Parameter | { $ref: string })[]
  requestBody?: { required?: boolean; content: Record<string, Media> }
  responses: Record<string, { $ref?: string; content?: Record<string, Media> }>
}
interface Document {
  servers: [{ url: string }]
  paths: Record<string, Record<string, Described>>
}

/**
 * Reads one of the descriptions in the npm package `@octokit/openapi`, which GitHub's own are republished in.
 * @param name `api.github.com`, or `ghes-3.19` for that version of GitHub Enterprise Server
 */
export function readGitHubDescription(name: string): Description {
  const file = createRequire(import.meta.url).resolve(`@octokit/openapi/generated/${name}.json`)
  return describe(JSON.parse(readFileSync(file, 'utf8'), allowNull) as Document)
}

/** OpenAPI 3.0 writes `nullable` beside schemas of every kind; ajv takes it only beside a `type`. */
function allowNull(_key: string, value: unknown): unknown {
  const { nullable, ...schema } = (value ?? {}) as { nullable?: unknown; type?: unknown }
  if (nullable !== true || schema.type !== undefined) return value
  return { anyOf: [schema, { enum: [null] }] }
}

function describe(document: Document): Description {
  const ajv = new Ajv({ strict: false, allErrors: true, verbose: true })
  formats.default(ajv)
  ajv.addSchema(document, 'api')
  const validators = new Map<string, ValidateFunction>()

  /** A part of the document by its JSON pointer, with the references in it followed. */
  const validatorAt = (pointer: string): ValidateFunction => {
    const known = validators.get(pointer) ?? ajv.compile({ $ref: `api#${pointer}` })
    validators.set(pointer, known)
    return known
  }
  const check = (pointer: string, value: unknown, what: string): string[] => {
    const validate = validatorAt(pointer)
    if (validate(value)) return []
    // `nullable` beside `enum` is how the description says that null is one of the values.
    const meant = (validate.errors ?? []).filter(
      ({ keyword, data, parentSchema }) =>
        !(keyword === 'enum' && data === null && parentSchema?.['nullable']),
    )
    return meant.map(({ instancePath, message = '' }) => `${what}${instancePath} ${message}`)
  }
  const resolve = <T extends object>(part: T | { $ref: string }): T => {
    const { $ref } = part as { $ref?: string }
    if ($ref === undefined) return part as T
    const keys = $ref.slice(2).split('/').map(unescape)
    return keys.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], document) as T
  }
  const paths = Object.entries(document.paths).map(([template, operations]) => ({ template, operations }))
  // Of two that fit, the one with fewer names is meant.
  paths.sort((a, b) => a.template.split('{').length - b.template.split('{').length)

  return {
    basePath: /^[^:]+:\/\/[^/]+(?<path>\/.*)?$/.exec(document.servers[0].url)?.groups?.['path'] ?? '',
    find(request) {
      const { pathname, searchParams: query } = new URL(request.path, 'http://api')
      const method = request.method.toLowerCase()
      const found = paths
        .filter(({ operations }) => operations[method])
        .map(each => ({ ...each, parameters: match(each.template, pathname) }))
        .find(({ parameters }) => parameters)
      const described = found?.operations[method]
      if (!found?.parameters || !described) return undefined
      const { template, parameters } = found
      const at = `/paths/${escape(template)}/${method}`
      const known = (described.parameters ?? []).map(each => resolve<Parameter>(each))
      const mediaAt = (status: number) => {
        const plain = described.responses[String(status)]
        const response = plain && resolve(plain)
        const pointer = plain?.$ref ? plain.$ref.slice(1) : `${at}/responses/${status}`
        return {
          response,
          media: response?.content?.['application/json'],
          pointer: `${pointer}/content/${escape('application/json')}/schema`,
        }
      }
      return {
        name: `${request.method} ${template}`,
        parameters,
        query,
        complaints: [
          ...queryComplaints(known, query),
          ...bodyComplaints(request, described, body =>
            check(`${at}/requestBody/content/${escape('application/json')}/schema`, body, 'body'),
          ),
        ],
        example(status, name) {
          const { media } = mediaAt(status)
          const examples = Object.entries(media?.examples ?? {})
          const chosen = examples.find(([key]) => name === undefined || key === name)?.[1]
          if (!chosen) throw new Error(`${template} has no example for ${status}`)
          return structuredClone(resolve(chosen).value)
        },
        answerComplaints(status, body) {
          const { response, media, pointer } = mediaAt(status)
          // It names few of the ways to fail, and 401 nowhere.
          if (!response)
            return status >= 400 ? [] : [`the description has no answer ${status} of ${template}`]
          return media ? check(pointer, body, `answer ${status}`) : []
        },
      }
    },
  }

  function queryComplaints(known: Parameter[], query: URLSearchParams): string[] {
    const of = known.filter(each => each.in === 'query')
    const strange = [...query.keys()].filter(key => !of.some(({ name }) => name === key))
    const missing = of.filter(({ name, required }) => required && !query.has(name))
    const wrong = of.flatMap(({ name, schema }) => {
      const text = query.get(name)
      if (text === null) return []
      const validate = ajv.compile(schema)
      const value = schema.type === 'integer' ? Number(text) : text
      return validate(value) ? [] : [`query parameter ${name}=${text} ${validate.errors?.[0]?.message ?? ''}`]
    })
    return [
      ...strange.map(key => `query parameter ${key} is not in the description`),
      ...missing.map(({ name }) => `query parameter ${name} is missing`),
      ...wrong,
    ]
  }
}

function bodyComplaints(
  { body, headers }: AskedRequest,
  { requestBody }: Described,
  check: (body: unknown) => string[],
): string[] {
  if (!requestBody) return body === '' ? [] : ['a body where the description has none']
  if (body === '') return requestBody.required ? ['the body is missing'] : []
  if (!String(headers['content-type']).startsWith('application/json'))
    return ['content-type is not application/json']
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return ['the body is not JSON']
  }
  const { properties = {} } = requestBody.content['application/json']?.schema as { properties?: object }
  // GitHub ignores what it does not know; the code that sends it has meant something.
  const strange = Object.keys(parsed as object).filter(key => !(key in properties))
  return [...strange.map(key => `body/${key} is not in the description`), ...check(parsed)]
}

/** The names in a template, each of which stands for one segment of a path; undefined when the path is another. */
function match(template: string, path: string): Record<string, string> | undefined {
  const [wanted, given] = [template.split('/'), path.split('/')]
  const named: Record<string, string> = {}
  const fits = wanted.every((part, at) => {
    const name = /^\{(.+)\}$/.exec(part)?.[1]
    const segment = given[at] ?? ''
    if (name !== undefined && segment !== '') named[name] = decodeURIComponent(segment)
    return name === undefined ? part === segment : segment !== ''
  })
  return fits && wanted.length === given.length ? named : undefined
}

function escape(key: string): string {
  return encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))
}

function unescape(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~')
}
