import { z } from 'zod'
import { jsonExpectation, regularExpression } from '../config/schema/json-expectation.ts'
import { accepted } from '../config/values.ts'

const duration = z
  .string({ error: accepted.duration })
  .regex(/^(\d+(\.\d+)?(ms|s|m))+$/, { error: accepted.duration })
const absolutePath = z
  .string()
  .regex(/^\/[^\s#]*$/, { error: 'a path with a leading slash, without spaces and #' })
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
  latency: duration.optional().describe('The whole answer has to be there within this.'),
  headers: z.record(z.string(), regularExpression).optional().describe('Regular expressions by header name.'),
  json: jsonExpectation.optional().describe('By path, like checks.database.status or users[0].id.'),
  body: regularExpression.optional().describe('Regular expression that is found in the body.'),
})

/** The client writes these itself: others would move the end of the request. */
const framing = new Set(['content-length', 'transfer-encoding', 'connection', 'upgrade', 'expect', 'te'])
const headers = z.record(
  z
    .string()
    .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: 'a header name' })
    .refine(name => !framing.has(name.toLowerCase()), {
      error: 'a header that the client does not set itself',
    }),
  z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, { error: 'text on one line' }),
)

const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'the name of an environment variable, like API_TOKEN' })
const authAccepted = 'bearer: VARIABLE, or basic: { user: VARIABLE, password: VARIABLE }'
const auth = z.union(
  [
    z.strictObject({ bearer: variable.describe('Environment variable that holds the token.') }),
    z.strictObject({
      basic: z
        .strictObject({ user: variable, password: variable })
        .describe('Environment variables that hold the two.'),
    }),
  ],
  { error: authAccepted },
)
const ownAuth = z.union([auth, z.literal('none')], { error: `${authAccepted}, or none` })

const retry = z.strictObject({
  times: z
    .int({ error: 'a whole number from 1 to 20' })
    .min(1, { error: 'a whole number from 1 to 20' })
    .max(20, { error: 'a whole number from 1 to 20' })
    .describe('Tries after the first one.'),
  every: duration.optional().describe('Pause before each; default: 1s.'),
  because: z
    .string({ error: 'the reason for which a retry is right here' })
    .min(1, { error: 'the reason for which a retry is right here' })
    .describe('Why the first answer may be wrong; it is shown whenever a retry was needed.'),
})

const redirectsAccepted = 'a whole number from 0 to 10'
const request = z.strictObject({
  name: z.string().min(1),
  method: z
    .enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
    .optional()
    .describe('Default: GET.'),
  path: absolutePath,
  headers: headers.optional(),
  auth: ownAuth.optional().describe("Default: the suite's."),
  body: z
    .union([z.string(), z.record(z.string(), z.unknown()), z.array(z.unknown())], {
      error: 'text, or an object or list that is sent as JSON',
    })
    .optional(),
  redirects: z
    .int({ error: redirectsAccepted })
    .min(0, { error: redirectsAccepted })
    .max(10, { error: redirectsAccepted })
    .optional()
    .describe(
      'Redirects that are followed; default: none, a redirect is the answer. Headers and auth stay with the host.',
    ),
  timeout: duration.optional().describe('An answer that takes longer counts as none; default: 10s.'),
  retry: retry.optional(),
  expect: expectation.optional(),
  capture: z
    .record(z.string().regex(/^[A-Za-z][A-Za-z0-9_-]*$/, { error: 'a name like user-id' }), z.string().min(1))
    .optional()
    .describe('Values of the JSON answer for later requests, by path: ${name} uses one.'),
})

const load = z.strictObject({
  path: absolutePath.optional().describe('Default: /api/v1/ping.'),
  headers: headers.optional(),
  auth: ownAuth.optional().describe("Default: the suite's."),
  timeout: duration.optional().describe('An answer that takes longer counts as none; default: 10s.'),
})

/** What a suite file may say. Strings may hold `${captured}` and `${env:VARIABLE}`. */
export const suiteSchema = z.strictObject({
  name: z.string().min(1),
  headers: headers.optional().describe('Sent with every request, and with the load.'),
  auth: auth.optional().describe('Sent with every request, and with the load.'),
  load: load.optional().describe('What is asked for again and again when every request did well.'),
  requests: z.array(request).min(1),
})

export type SuiteSpec = z.infer<typeof suiteSchema>
export type RequestSpec = z.infer<typeof request>
export type Auth = z.infer<typeof auth>
