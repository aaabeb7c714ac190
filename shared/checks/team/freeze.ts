import { checksOf } from '../../config/checks.ts'
import { isFrozen, type FreezeWindow } from '../../config/freeze.ts'
import { fail, pass, warn, type Check } from '../check.ts'

/** A release, its gate and perhaps its way back take so long. */
const aheadMinutes = 30

/** Nothing is deployed while no engineer is there to watch it. */
export const freeze: Check = {
  id: 'freeze',
  title: 'No freeze is on',
  inapplicable: environment =>
    checksOf(environment).freeze.length === 0 ? 'the runbook has no freeze (checks.freeze)' : '',
  run({ environment, clock }) {
    const windows = checksOf(environment).freeze
    const from = clock.now()
    const ahead = Array.from({ length: aheadMinutes }, (_, minute) => from + (minute + 1) * 60_000)
    const now = windows.find(window => isFrozen(window, from))
    const soon = windows.find(window => ahead.some(moment => isFrozen(window, moment)))
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
          `within ${aheadMinutes} minutes it is frozen ${describe(soon)}`,
          'Deploy only what is over by then, its way back included.',
        ),
      )
    return Promise.resolve(pass(`none of ${windows.length} is on`))
  },
}

function describe({ from, to, timeZone, reason }: FreezeWindow): string {
  return `from ${from} to ${to} (${timeZone}): ${reason}`
}
