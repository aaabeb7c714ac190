import { fail, pass, skip, type Check } from '../check.ts'

/** There is room for the release, and for the old one beside it while it rolls out. */
export const resources: Check = {
  id: 'resources',
  title: 'There is room for the new release beside the old one',
  deadlineMs: 60_000,
  inapplicable: () => '',
  async run(context) {
    const payload = await context.payload()
    if (!payload) return skip('no image was named: set image to know what it needs')
    const { enough, finding, remedy } = await (await context.target()).capacity(payload)
    return enough ? pass(finding) : fail(finding, remedy)
  },
}
