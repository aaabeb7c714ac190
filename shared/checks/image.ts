import { pass, skip, type Check } from './check.ts'
import { findImage } from './image-exists.ts'

/** The image exists in its registry, and the login that is there may pull it. */
export const image: Check = {
  id: 'image',
  title: 'The image exists in its registry and may be pulled',
  inapplicable: ({ target }) => (target.kind === 'process' ? 'a process target has no image' : ''),
  async run(context) {
    const { image: reference } = context
    if (reference === '') return skip('no image was named: set image to check it')
    return pass(await findImage(context, '', reference))
  },
}
