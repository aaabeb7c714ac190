import { checksOf } from '../runbook/checks.ts'
import { isFrozen, type FreezeWindow } from '../runbook/freeze.ts'
import { fail, pass, warn, type Check } from './check.ts'

/** A release, its gate and perhaps its way back have to be over by then. */
const aheadMs = 30 * 60_000

/** Nothing is deployed while nobody is there to see it through. */
export const freeze: Check = {
  id: 'freeze',
  title: 'No freeze is on',
  inapplicable: environment =>
    checksOf(environment).freeze.length === 0 ? 'the runbook has no freeze (checks.freeze)' : '',
  run({ environment, clock }) {
    const windows = checksOf(environment).freeze
    const at = (moment: number) => windows.find(window => isFrozen(window, moment))
    const [now, soon] = [at(clock.now()), at(clock.now() + aheadMs)]
    if (now)
      return Promise.resolve(
        fail(
          `frozen ${describe(now)}`,
          `Wait until ${now.to} (${now.timeZone}). A hotfix that cannot wait: add freeze to accept, with its reason.`,
        ),
      )
    if (soon)
      return Promise.resolve(
        warn(
          `within ${aheadMs / 60_000} minutes it is frozen ${describe(soon)}`,
          'Deploy only what is over by then, its way back included.',
        ),
      )
    return Promise.resolve(pass(`none of ${windows.length} is on`))
  },
}

function describe({ from, to, timeZone, reason }: FreezeWindow): string {
  return `from ${from} to ${to} (${timeZone}): ${reason}`
}
