import type { KeyObject } from 'node:crypto'
import { bundleFromJSON } from '@sigstore/bundle'
import type { TrustedRoot } from '@sigstore/protobuf-specs'
import { toSignedEntity, toTrustMaterial, Verifier, type Signer } from '@sigstore/verify'
import type { WorkflowRule } from '../config/schema/attestation-rule.ts'
import { statementFault } from './statement.ts'

/** What a bundle is verified with. */
export type Trust =
  { kind: 'key'; key: KeyObject } | { kind: 'roots'; roots: TrustedRoot[]; rule: WorkflowRule }

/** Certificate extensions of Fulcio (https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md). */
const sourceRepository = '1.3.6.1.4.1.57264.1.12'
const ofStatements = 'application/vnd.in-toto+json'

/**
 * Why a Sigstore bundle does not attest an image, as the end of a sentence; undefined when it does: it is signed by whom
 * the rule names, and what is signed is a statement of the wanted type about the image's digest.
 * @param text the bundle, JSON
 */
export function bundleFault(
  text: string,
  digest: string,
  predicate: string,
  trust: Trust,
): string | undefined {
  try {
    const bundle = bundleFromJSON(JSON.parse(text))
    if (bundle.content.$case !== 'dsseEnvelope') return 'it signs no statement'
    const { payload, payloadType } = bundle.content.dsseEnvelope
    if (payloadType !== ofStatements) return `it signs ${payloadType}, not ${ofStatements}`
    if (trust.kind === 'key') verifyByKey(bundle, trust.key)
    const fault = trust.kind === 'key' ? undefined : verifyByRoots(bundle, trust)
    return fault ?? statementFault(Buffer.from(payload), digest, predicate)
  } catch (error) {
    return `it cannot be verified: ${error instanceof Error ? error.message : String(error)}`
  }
}

type SigstoreBundle = ReturnType<typeof bundleFromJSON>

const noRoot = {
  mediaType: '',
  tlogs: [],
  certificateAuthorities: [],
  ctlogs: [],
  timestampAuthorities: [],
  rekorTlogs: [],
}

/** A key signs by itself: what a transparency log or a clock says of it is not asked. @throws when it did not sign the bundle */
function verifyByKey(bundle: SigstoreBundle, key: KeyObject): void {
  const material = toTrustMaterial({ ...noRoot }, () => ({
    publicKey: key,
    validFor: () => true,
  }))
  const verifier = new Verifier(material, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 })
  const { signature } = toSignedEntity(bundle)
  verifier.verify({ signature, key: { $case: 'public-key', hint: '' }, tlogEntries: [], timestamps: [] })
}

/** The bundle has to be good by one of the roots. Where it is of another identity, that says more than why the others fail. */
function verifyByRoots(
  bundle: SigstoreBundle,
  { roots, rule }: Extract<Trust, { kind: 'roots' }>,
): string | undefined {
  const faults: string[] = []
  for (const root of roots) {
    try {
      // What an authority of the root can say, it has to say: a log, where there are logs; else a time stamp.
      const verifier = new Verifier(toTrustMaterial(root), {
        tlogThreshold: root.tlogs.length > 0 ? 1 : 0,
        ctlogThreshold: root.ctlogs.length > 0 ? 1 : 0,
        timestampThreshold: 1,
      })
      const fault = identityFault(verifier.verify(toSignedEntity(bundle)), rule)
      if (fault === undefined) return undefined
      faults.unshift(fault)
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error))
    }
  }
  return faults[0] ?? 'no root is trusted'
}

function identityFault({ identity }: Signer, rule: WorkflowRule): string | undefined {
  const { extensions, subjectAlternativeName = '', oids = [] } = identity ?? {}
  const issuer = extensions?.issuer ?? 'an unknown issuer'
  if (issuer !== rule.issuer) return `its identity is of ${issuer}, not of ${rule.issuer}`
  const repository = oids.find(({ oid }) => oid?.id.join('.') === sourceRepository)?.value
  const source = repository === undefined ? 'no repository' : utf8Of(repository)
  if (source !== `${rule.server}/${rule.repository}`) return `it is of ${source}`
  const [signer = ''] = subjectAlternativeName.split('@')
  if (rule.workflow === '' || signer === `${rule.server}/${rule.workflow}`) return undefined
  return `it was signed by ${signer}`
}

/** The text of a UTF8String in DER (X.690, 8.23): a tag, a length of one byte, or of one more where it is 128 to 255. */
function utf8Of(der: Buffer): string {
  const [tag, first = 0, second = 0] = der
  const [start, length] = first === 0x81 ? [3, second] : [2, first]
  return tag === 0x0c && first <= 0x81 && der.length === start + length ? der.toString('utf8', start) : ''
}
