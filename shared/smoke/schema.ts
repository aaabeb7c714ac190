import { z } from 'zod'
import { accepted } from '../runbook/values.ts'

const regularExpression = z.string().refine(
  text => {
    try {
      return new RegExp(text) instanceof RegExp
    } catch {
      return false
    }
  },
  { error: 'a regular expression of JavaScript' },
)
const absolutePath = z.string().startsWith('/', { error: 'a path with a leading slash' })
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()])
const types = ['string', 'number', 'boolean', 'object', 'array', 'null'] as const

const matcher = z.strictObject({
  equals: scalar.optional(),
  matches: regularExpression.optional(),
  above: z.number().optional(),
  below: z.number().optional(),
  type: z.enum(types, { error: `one of ${types.join(', ')}` }).optional(),
  exists: z.boolean().optional(),
})

const statusAccepted = 'a status like 200, or a list of them'
const status = z
  .int({ error: statusAccepted })
  .min(100, { error: statusAccepted })
  .max(599, { error: statusAccepted })
const expectation = z.strictObject({
  status: z
    .union([status, z.array(status).min(1)], { error: statusAccepted })
    .optional()
    .describe('Default: 200.'),
  latency: z
    .string()
    .regex(/^(\d+(\.\d+)?(ms|s|m))+$/, { error: accepted.duration })
    .optional()
    .describe('The whole answer has to be there within this.'),
  headers: z.record(z.string(), regularExpression).optional().describe('Regular expressions by header name.'),
  json: z
    .record(
      z.string().min(1),
      z.union([scalar, matcher], {
        error: 'a value, or any of equals, matches, above, below, type, exists',
      }),
    )
    .optional()
    .describe('By path, like checks.database.status or users[0].id.'),
  body: regularExpression.optional().describe('Regular expression that is found in the body.'),
})

const request = z.strictObject({
  name: z.string().min(1),
  method: z
    .enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
    .optional()
    .describe('Default: GET.'),
  path: absolutePath,
  headers: z.record(z.string().regex(/^[A-Za-z0-9-]+$/, { error: 'a header name' }), z.string()).optional(),
  body: z
    .union([z.string(), z.record(z.string(), z.unknown()), z.array(z.unknown())], {
      error: 'text, or an object or list that is sent as JSON',
    })
    .optional(),
  expect: expectation.optional(),
  capture: z
    .record(z.string().regex(/^[A-Za-z][A-Za-z0-9_-]*$/, { error: 'a name like user-id' }), z.string().min(1))
    .optional()
    .describe('Values of the JSON answer for later requests, by path: ${name} uses one.'),
})

/** What a suite file may say. Strings may hold `${captured}` and `${env:VARIABLE}`. */
export const suiteSchema = z.strictObject({
  name: z.string().min(1),
  load: z.strictObject({ path: absolutePath }).optional().describe('Default: /api/v1/ping.'),
  requests: z.array(request).min(1),
})

export type SuiteSpec = z.infer<typeof suiteSchema>
export type RequestSpec = z.infer<typeof request>
export type Matcher = z.infer<typeof matcher>
export type Scalar = z.infer<typeof scalar>
