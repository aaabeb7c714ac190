import { execFileSync } from 'node:child_process'
import { createHash, createPrivateKey, sign, X509Certificate, type KeyObject } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Who asks for a certificate, as Fulcio writes it into the extensions of one. */
export interface Identity {
  issuer: string
  /** `https://github.com/org/api` */
  repository: string
  /** `https://github.com/org/api/.github/workflows/release.yml@refs/tags/v1.2.3` */
  workflow: string
}

/** A certificate authority and a time-stamping authority, as GitHub's own Sigstore has them. */
export interface Authority {
  /** JSON of a Sigstore trusted root. */
  trustedRoot: string
  /** A bundle with a statement that is signed with a certificate of that identity. */
  attest(statement: object, identity: Identity): string
}

export const slsa = 'https://slsa.dev/provenance/v1'

/** An in-toto statement about one image. */
export function statementOf(digest: string, predicateType = slsa): object {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'registry.example.com/api', digest: { sha256: digest.replace('sha256:', '') } }],
    predicateType,
    predicate: {},
  }
}

/** A bundle with a statement that a key signs, as `cosign attest --key` makes it. */
export function attestByKey(statement: object, key: KeyObject): string {
  const envelope = envelopeOf(statement, key)
  return JSON.stringify({
    mediaType,
    verificationMaterial: { publicKey: { hint: 'any' } },
    dsseEnvelope: envelope,
  })
}

const mediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json'
const payloadType = 'application/vnd.in-toto+json'

function envelopeOf(statement: object, key: KeyObject) {
  const payload = Buffer.from(JSON.stringify(statement))
  // DSSE's pre-authentication encoding.
  const signed = Buffer.concat([
    Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `),
    payload,
  ])
  const algorithm = key.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  const sig = sign(algorithm, signed, key).toString('base64')
  return { payload: payload.toString('base64'), payloadType, signatures: [{ sig, keyid: '' }] }
}

/** Makes the authorities with openssl. @param folder empty, for their keys */
export function foundAuthority(folder: string): Authority {
  const at = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const root = (name: string) =>
    openssl(
      ...['req', '-x509', ...curve, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-days', '30'],
      ...['-subj', `/O=org/CN=${name}`, '-addext', 'keyUsage=critical,keyCertSign'],
    )
  const issue = (name: string, by: string, extensions: string) => {
    writeFileSync(at(`${name}.ext`), extensions)
    openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/O=org/CN=${name}`)
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-days', '10'],
      ...['-out', `${name}.pem`, '-extfile', `${name}.ext`],
    )
  }
  const der = (name: string) => new X509Certificate(readFileSync(at(`${name}.pem`))).raw.toString('base64')
  root('ca')
  root('tsa-ca')
  issue('tsa', 'tsa-ca', 'keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n')
  writeFileSync(
    at('tsa.cnf'),
    '[tsa]\ndefault_tsa=one\n[one]\nserial=serial\ncrypto_device=builtin\nsigner_cert=tsa.pem\ncerts=tsa-ca.pem\nsigner_key=tsa.key\nsigner_digest=sha256\ndefault_policy=1.2.3.4\ndigests=sha256\naccuracy=secs:1\nordering=no\ness_cert_id_alg=sha256\n',
  )
  writeFileSync(at('serial'), '01\n')
  const authority = (...names: string[]) => ({
    subject: { organization: 'org', commonName: 'test' },
    certChain: { certificates: names.map(name => ({ rawBytes: der(name) })) },
    validFor: { start: '2020-01-01T00:00:00Z' },
  })
  let issued = 0
  return {
    trustedRoot: JSON.stringify({
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      tlogs: [],
      ctlogs: [],
      certificateAuthorities: [authority('ca')],
      timestampAuthorities: [authority('tsa', 'tsa-ca')],
    }),
    attest(statement, { issuer, repository, workflow }) {
      const name = `leaf-${(issued += 1)}`
      issue(
        name,
        'ca',
        [
          'keyUsage=critical,digitalSignature',
          'extendedKeyUsage=codeSigning',
          `subjectAltName=critical,URI:${workflow}`,
          `1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:${issuer}`,
          `1.3.6.1.4.1.57264.1.12=ASN1:UTF8String:${repository}`,
          '',
        ].join('\n'),
      )
      const envelope = envelopeOf(statement, createPrivateKey(readFileSync(at(`${name}.key`))))
      const signature = Buffer.from(envelope.signatures[0]?.sig ?? '', 'base64')
      const digest = createHash('sha256').update(signature).digest('hex')
      openssl('ts', '-query', '-digest', digest, '-sha256', '-cert', '-out', `${name}.tsq`)
      openssl('ts', '-reply', '-config', 'tsa.cnf', '-queryfile', `${name}.tsq`, '-out', `${name}.tsr`)
      const signedTimestamp = readFileSync(at(`${name}.tsr`)).toString('base64')
      return JSON.stringify({
        mediaType,
        verificationMaterial: {
          certificate: { rawBytes: der(name) },
          timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp }] },
        },
        dsseEnvelope: envelope,
      })
    },
  }
}
