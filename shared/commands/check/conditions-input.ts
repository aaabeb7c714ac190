import { acceptedCondition, parseConditions, type Condition } from '../../config/schema/condition.ts'
import type { Field } from '../step/inputs.ts'

/** Conditions, one a line: `NAME: EXPRESSION < NUMBER`; none when it is not given. */
export function conditions(description: string): Field<Condition[]> {
  return {
    description,
    accepts: `lines of NAME: and ${acceptedCondition}`,
    required: false,
    default: '',
    isSecret: false,
    parse: parseConditions,
  }
}
