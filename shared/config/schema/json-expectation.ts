import { z } from 'zod'

export const regularExpression = z.string().refine(
  text => {
    try {
      return new RegExp(text) instanceof RegExp
    } catch {
      return false
    }
  },
  { error: 'a regular expression of JavaScript' },
)

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()])
const types = ['string', 'number', 'boolean', 'object', 'array', 'null'] as const

const matcher = z.strictObject({
  equals: scalar.optional(),
  integer: z
    .string()
    .regex(/^-?\d+$/, { error: "the digits of an integer in quotes, like '1234567890123456789'" })
    .optional()
    .describe('An integer of any size, as text: YAML and JSON round what is beyond 9007199254740991.'),
  matches: regularExpression.optional(),
  above: z.number().optional(),
  below: z.number().optional(),
  type: z.enum(types, { error: `one of ${types.join(', ')}` }).optional(),
  exists: z.boolean().optional(),
})

/** What the JSON of an answer has to hold, by path; `unmetJson` holds answers against it, for gate and smoke test alike. */
export const jsonExpectation = z.record(
  z.string().min(1),
  z.union([scalar, matcher], {
    error: 'a value, or any of equals, integer, matches, above, below, type, exists',
  }),
)

export type JsonExpectation = z.infer<typeof jsonExpectation>
