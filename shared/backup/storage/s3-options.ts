import { InputError } from '../../outcome/errors.ts'
import type { Place } from './s3-upload.ts'

/** What a destination says of its bucket behind a question mark: `s3://bucket/prefix?sse=aws:kms&kms-key=alias/backups`. */
export interface S3Options {
  /** URL of the store; empty: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, else AWS itself. */
  endpoint: string
  /** How the store encrypts what it keeps; undefined: as the bucket says. */
  sse: 'AES256' | 'aws:kms' | undefined
  /** Id, ARN or alias of the key, for aws:kms; empty: the account's own. */
  kmsKey: string
  /** Object lock: for so long the object is not removed or replaced, or only by an account with a right of its own for that. */
  lock: { mode: 'GOVERNANCE' | 'COMPLIANCE'; days: number } | undefined
}

const names = ['endpoint', 'sse', 'kms-key', 'lock', 'lock-days']
const dayMs = 86_400_000

/**
 * @param where the input's name or `file:line`, for errors
 * @param query what follows the question mark, or the empty string
 */
export function parseS3Options(where: string, query: string): S3Options {
  const said = new URLSearchParams(query)
  const fail = (name: string, accepted: string) =>
    InputError.of(`${where}: ${name}`, said.get(name) ?? undefined, accepted)
  const unknown = [...said.keys()].find(name => !names.includes(name))
  if (unknown !== undefined)
    throw InputError.of(`${where}: the option`, unknown, names.join(', '), `Use ${names.join(', ')} alone.`)
  const [endpoint, sse, kmsKey] = ['endpoint', 'sse', 'kms-key'].map(name => said.get(name) ?? '')
  if (endpoint && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? ''))
    throw fail('endpoint', 'a URL like https://s3.example.com')
  if (sse && sse !== 'AES256' && sse !== 'aws:kms') throw fail('sse', 'AES256 or aws:kms')
  if (kmsKey && sse !== 'aws:kms') throw fail('sse', 'aws:kms, since kms-key is given')
  return {
    endpoint: endpoint ?? '',
    sse: sse === 'AES256' || sse === 'aws:kms' ? sse : undefined,
    kmsKey: kmsKey ?? '',
    lock: parseLock(said, fail),
  }
}

/** What is sent along with every object. @param now milliseconds since 1970, from which a lock counts */
export function guardsOf(
  { sse, kmsKey, lock }: S3Options,
  now: number,
): Omit<Place, 'Bucket' | 'Key' | 'ContentType'> {
  return {
    ...(sse ? { ServerSideEncryption: sse } : {}),
    ...(kmsKey ? { SSEKMSKeyId: kmsKey } : {}),
    ...(lock
      ? {
          ChecksumAlgorithm: 'SHA256',
          ObjectLockMode: lock.mode,
          ObjectLockRetainUntilDate: new Date(now + lock.days * dayMs),
        }
      : {}),
  }
}

function parseLock(
  said: URLSearchParams,
  fail: (name: string, accepted: string) => InputError,
): S3Options['lock'] {
  const [mode, days] = [said.get('lock'), said.get('lock-days')]
  if (mode === null && days === null) return undefined
  if (mode !== 'governance' && mode !== 'compliance') throw fail('lock', 'governance or compliance')
  if (!/^[1-9]\d{0,4}$/.test(days ?? '')) throw fail('lock-days', 'a whole number of days from 1 to 99999')
  return { mode: mode === 'governance' ? 'GOVERNANCE' : 'COMPLIANCE', days: Number(days) }
}
