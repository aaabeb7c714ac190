import { z } from 'zod'
import { path } from './target-schemas.ts'

const hostName = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, {
  error: 'a host name in lower case without a port, like auth.example.com',
})
const predicate = z.url({ error: 'the URI of a predicate type, like https://slsa.dev/provenance/v1' })
const origin = (example: string) =>
  z
    .url({ protocol: /^https$/, error: `an https:// URL without a slash at its end, like ${example}` })
    .regex(/[^/]$/, {
      error: `an https:// URL without a slash at its end, like ${example}`,
    })

const byKey = z.strictObject({
  key: z
    .string()
    .regex(/^\s*-----BEGIN PUBLIC KEY-----\r?\n[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*$/, {
      error: 'a public key in PEM, from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----',
    })
    .describe('Public key that signs the image, as in cosign.pub: Ed25519, ECDSA or RSA.'),
  predicate: predicate
    .optional()
    .describe('Type of the statement that is signed; default: what cosign sign states.'),
})

const byWorkflow = z.strictObject({
  repository: z
    .string()
    .regex(/^[\w.-]+\/[\w.-]+$/, { error: 'a repository like org/api' })
    .describe('Repository whose workflow attests the image, like org/api.'),
  'trusted-root': path.describe(
    'File with the trusted roots of Sigstore, as gh attestation trusted-root writes it.',
  ),
  workflow: z
    .string()
    .regex(/^[\w.-]+\/[\w.-]+\/[^@]+\.ya?ml$/, {
      error: 'a workflow file with its repository, like org/api/.github/workflows/release.yml',
    })
    .optional()
    .describe('The workflow file that has to have signed; default: any that ran for the repository.'),
  predicate: predicate
    .optional()
    .describe('Type of the statement that is signed; default: https://slsa.dev/provenance/v1.'),
  issuer: origin('https://token.actions.githubusercontent.com')
    .optional()
    .describe(
      "OIDC issuer of the workflow's identity; default: https://token.actions.githubusercontent.com.",
    ),
  server: origin('https://github.com')
    .optional()
    .describe('GitHub server of the repository; default: https://github.com.'),
})

/** What of an image and its registry is trusted. */
export const imageSchema = z.strictObject({
  'token-hosts': z
    .array(hostName)
    .min(1)
    .optional()
    .describe(
      'Hosts of the token service of the registry, where they are of another domain than the registry: only they see its login.',
    ),
  'attested-by': z
    .union([byKey, byWorkflow], {
      error:
        'a key (the PEM of a public key), or a repository with a trusted-root whose workflow attests the image',
    })
    .optional()
    .describe('Who has to have attested or signed an image before it is deployed, or rolled back to.'),
})

/** An origin that redirects may lead to. */
export const originSchema = z
  .url({ protocol: /^https?$/, error: 'an origin like https://www.example.com' })
  .refine(text => URL.parse(text)?.origin === text.replace(/\/$/, ''), {
    error: 'an origin like https://www.example.com: scheme, host and port, without a path',
  })

export type ImageSpec = z.infer<typeof imageSchema>
