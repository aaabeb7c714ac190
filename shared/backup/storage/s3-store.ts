import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { messageOf, ToolError } from '../../outcome/errors.ts'
import { credentialsOf } from './s3-credentials.ts'
import { guardsOf, type S3Options } from './s3-options.ts'
import { uploadStream } from './s3-upload.ts'
import type { Store } from './store.ts'

/** How often a download that breaks goes on where it stopped. */
const resumes = 5

/** Backups in a bucket of S3, or of something that speaks its API (by AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL). */
export function openS3Store(
  bucket: string,
  prefix: string,
  options: S3Options,
  env: Record<string, string | undefined>,
): Store {
  const client = new S3Client(configOf(options, env))
  const uri = prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix}`
  const root = prefix === '' ? '' : `${prefix}/`
  const at = (key: string) => ({ Bucket: bucket, Key: `${root}${key}` })
  return {
    uri,

    async put(key, body, { expectedBytes, signal }) {
      const onAbort = () => body.destroy()
      signal.addEventListener('abort', onAbort, { once: true })
      try {
        const place = { ...at(key), ContentType: contentType(key), ...guardsOf(options, Date.now()) }
        await uploadStream(client, place, body, expectedBytes, signal)
      } catch (error) {
        body.destroy()
        signal.throwIfAborted()
        throw isServiceError(error) ? storeError(uri, 'write to', error) : error
      } finally {
        signal.removeEventListener('abort', onAbort)
      }
    },

    async get(key, signal) {
      const first = await fetchFrom(0)
      return Readable.from(resuming(first), { objectMode: false, signal })

      async function fetchFrom(offset: number, etag?: string) {
        try {
          const range = offset > 0 ? { Range: `bytes=${offset}-` } : {}
          const same = etag === undefined ? {} : { IfMatch: etag }
          const command = new GetObjectCommand({ ...at(key), ...range, ...same })
          const { Body, ETag } = await client.send(command, { abortSignal: signal })
          return { body: Body as Readable, etag: ETag }
        } catch (error) {
          signal.throwIfAborted()
          throw storeError(`${uri}/${key}`, 'read', error)
        }
      }

      async function* resuming({ body, etag }: Awaited<ReturnType<typeof fetchFrom>>) {
        let stream = body
        for (let [offset, left] = [0, resumes]; ; left--) {
          try {
            for await (const chunk of stream) {
              offset += (chunk as Buffer).length
              yield chunk as Buffer
            }
            return
          } catch (error) {
            signal.throwIfAborted()
            if (left === 0) throw storeError(`${uri}/${key}`, 'read', error)
            stream = (await fetchFrom(offset, etag)).body
          }
        }
      }
    },

    async list(signal) {
      const keys: string[] = []
      try {
        for (let token: string | undefined; ;) {
          const page = await client.send(
            new ListObjectsV2Command({ Bucket: bucket, Prefix: root, ContinuationToken: token }),
            { abortSignal: signal },
          )
          for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key.slice(root.length))
          token = page.NextContinuationToken
          if (token === undefined) return keys
        }
      } catch (error) {
        signal.throwIfAborted()
        throw storeError(uri, 'list', error)
      }
    },

    async remove(keys) {
      try {
        for (let from = 0; from < keys.length; from += 1_000) {
          const Objects = keys.slice(from, from + 1_000).map(key => ({ Key: `${root}${key}` }))
          const { Errors = [] } = await client.send(
            new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }),
          )
          const [first] = Errors
          if (first)
            throw Object.assign(new Error(`${first.Key ?? ''}: ${first.Message ?? ''}`), { name: first.Code })
        }
      } catch (error) {
        throw storeError(uri, 'remove from', error)
      }
    },

    async removeAbandoned(mine, before, signal) {
      const { Uploads = [] } = await client.send(
        new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: root }),
        { abortSignal: signal },
      )
      for (const { Key = '', UploadId, Initiated } of Uploads) {
        if (!mine(Key.slice(root.length)) || !Initiated || Initiated.getTime() >= before) continue
        await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }))
      }
    },
  }
}

function configOf(options: S3Options, env: Record<string, string | undefined>): S3ClientConfig {
  // A workflow hands on a secret that is not set as an empty text.
  const said = (...names: string[]) =>
    names.map(name => env[name]).find(value => value !== undefined && value !== '')
  // By HTTP_PROXY, HTTPS_PROXY and NO_PROXY, which Node itself understands from 24.5 on.
  const agents = {
    httpAgent: new HttpAgent({ keepAlive: true, maxSockets: 50, proxyEnv: env }),
    httpsAgent: new HttpsAgent({ keepAlive: true, maxSockets: 50, proxyEnv: env }),
  }
  const endpoint = options.endpoint || said('AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL')
  const region = said('AWS_REGION', 'AWS_DEFAULT_REGION') ?? 'us-east-1'
  const credentials = credentialsOf(said, region, agents)
  return {
    region,
    followRegionRedirects: true,
    maxAttempts: 5,
    // S3-likes may reject the checksum that the SDK adds by default (aws-sdk-js-v3#6810).
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // A store that does not answer must not hold a release: 10 s to connect, 2 minutes without a byte.
    requestHandler: {
      connectionTimeout: 10_000,
      socketTimeout: 120_000,
      ...agents,
    },
    ...(endpoint ? { endpoint, forcePathStyle: true } : {}),
    ...(credentials ? { credentials } : {}),
  }
}

function contentType(key: string): string {
  return key.endsWith('.json') ? 'application/json' : 'application/octet-stream'
}

/** True for what S3 or the way to it answered; a failure of the body itself is passed on as it is. */
function isServiceError(error: unknown): boolean {
  return error instanceof Error && ('$metadata' in error || 'code' in error || error.name === 'TimeoutError')
}

function storeError(what: string, verb: string, error: unknown): ToolError {
  // What a token was refused for, or the dump failed of, says more than this.
  if (error instanceof ToolError) return error
  const name = error instanceof Error ? error.name : ''
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
  const hints: Record<string, string> = {
    NoSuchBucket: 'Create the bucket first, or correct the name in the destination.',
    NoSuchKey: 'Look at what is there; the name may be misspelt.',
    AccessDenied: 'Allow these credentials to get, put, list and delete objects under that prefix.',
    InvalidAccessKeyId: 'Check AWS_ACCESS_KEY_ID.',
    SignatureDoesNotMatch: 'Check AWS_SECRET_ACCESS_KEY.',
    PreconditionFailed: 'Another run wrote a backup in the same second. Run this again.',
    ExpiredToken: 'Get new credentials: these have expired.',
    CredentialsProviderError:
      'Give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_ROLE_ARN and a token, or a role to this machine.',
    InvalidIdentityToken: 'The account does not trust the issuer of this token: check its identity provider.',
    AccessDeniedException: 'The role does not trust this token: check the conditions of its trust policy.',
  }
  return new ToolError(
    `Could not ${verb} ${what}: ${name === 'Error' ? '' : `${name}: `}${messageOf(error)}`,
    {
      tool: 'S3',
      hint: hints[name] ?? 'Check the endpoint, the network to it and the state of the store.',
      ...(status === undefined ? {} : { code: status }),
      cause: error,
    },
  )
}
