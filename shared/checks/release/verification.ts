import { pass, type Check } from '../check.ts'

/** What is wrong with a threshold or a suite stops a release here, and not when it serves already. */
export const verification: Check = {
  id: 'verification',
  title: 'Gate and smoke test can be made as the runbook has them',
  inapplicable: ({ url, name }) => (url === '' ? `the runbook names no url for ${name}` : ''),
  run: async context => pass(await context.planVerification()),
}
