import { describeHold } from '../../release/hold.ts'
import { fail, pass, type Check } from '../check.ts'

/** A deploy would be refused: so that it is known before a backup is taken and the release is announced. */
export const hold: Check = {
  id: 'hold',
  title: 'No operator keeps everything away',
  inapplicable: () => '',
  async run(context) {
    const { ledger } = await (await context.target()).read()
    if (!ledger.hold) return pass('the environment is not on hold')
    return fail(
      `on hold by ${describeHold(ledger.hold)}`,
      `Ask whether that is over; then: runbook resume ${context.environment.name}`,
    )
  },
}
