import type { Check } from '../check.ts'
import { runNpmScript } from './npm-script.ts'

/** The guide's `npm test`, where no CI has run it. */
export const tests: Check = {
  id: 'tests',
  title: 'All tests pass (`npm test`; on GitHub, `ci` answers)',
  deadlineMs: 540_000,
  inapplicable: () => '',
  run: context => runNpmScript(context, 'test'),
}
