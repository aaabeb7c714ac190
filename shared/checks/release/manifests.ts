import type { Change } from '../../targets/target.ts'
import { pass, skip, type Check } from '../check.ts'

/** The target would take the release: it was asked to try, without changing anything. */
export const manifests: Check = {
  id: 'manifests',
  title: 'The target accepts what would be deployed',
  deadlineMs: 60_000,
  inapplicable: () => '',
  async run(context) {
    const payload = await context.payload()
    if (!payload) return skip('no image was named: set image to try the release')
    const target = await context.target()
    const changes = await target.rehearse(payload, context.conflicts)
    const changed = changes.filter(({ action }) => action !== 'none')
    const said = `${changed.length} of ${changes.length} objects would change in ${target.place}`
    return pass(said, changed.map(describe).join('\n'))
  },
}

function describe({ action, object, diff }: Change): string {
  return `${action} ${object}${diff === undefined ? '' : `\n${diff}`}`
}
