import { pass, skip, type Check } from '../check.ts'
import { findImage } from './image-exists.ts'

/** The image exists in its registry, the login that is there may pull it, and it has the attestation that the runbook requires. */
export const image: Check = {
  id: 'image',
  title: 'The image exists in its registry, may be pulled, and is attested as the runbook requires',
  inapplicable: ({ target }) => (target.kind === 'process' ? 'a process target has no image' : ''),
  async run(context) {
    const { image: reference } = context
    if (reference === '') return skip('no image was named: set image to check it')
    const pinned = await findImage(context, '', reference)
    const { image: trust, root } = context.environment
    if (!trust?.attestedBy) return pass(pinned)
    const { env, exec, signal } = context
    const source = { env, exec, signal, tokenHosts: trust.tokenHosts }
    const { requireAttested } = await import('../../attestation/verify.ts')
    return pass(await requireAttested(trust.attestedBy, root, pinned, source))
  },
}
