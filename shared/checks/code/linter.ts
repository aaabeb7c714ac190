import type { Check } from '../check.ts'
import { runNpmScript } from './npm-script.ts'

/** The guide's `npm run lint`, where no CI has run it. */
export const lint: Check = {
  id: 'lint',
  title: 'The linter has nothing to say (`npm run lint`; on GitHub, `ci` answers)',
  deadlineMs: 300_000,
  inapplicable: () => '',
  run: context => runNpmScript(context, 'lint'),
}
