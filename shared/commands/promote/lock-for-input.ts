import { InputError } from '../../outcome/errors.ts'
import { betweenStepsMs, longestBetweenStepsMs } from '../../release/lease.ts'
import { showDuration } from '../../config/values.ts'
import { duration, type Field } from '../step/inputs.ts'

/** How long a step leaves the lease to the other steps of its job, milliseconds; see `Held.handOver`. */
export function lockFor(): Field<number> {
  const field = duration(
    'How long the environment stays locked for the other steps of this job once this one has ended: as long as the longest ' +
      'step of your own in between takes. While a step of this suite runs it renews the lock itself.',
    { default: `${betweenStepsMs / 60_000}m` },
  )
  return {
    ...field,
    parse(name, text) {
      const ms = field.parse(name, text)
      if (ms > 0 && ms <= longestBetweenStepsMs) return ms
      throw InputError.of(
        name,
        text,
        `${field.accepts}, more than 0s and ${showDuration(longestBetweenStepsMs)} at most`,
      )
    },
  }
}
