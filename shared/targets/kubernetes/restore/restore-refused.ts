import type { InputError, ToolError } from '../../../outcome/errors.ts'
import type { Change } from '../../target.ts'
import type { ApiError } from '../api/api-error.ts'
import type { KubeObject } from '../manifests/objects.ts'
import type { Place } from '../state/place.ts'
import { isTransitionRefused } from '../apply/replace.ts'

/** What is said of an object that a restore deletes and creates again. */
export const replacedNote = 'deleted and created again, since the API server does not take this change of it'

/** Whether a restore may delete and create an object again whose change was refused. */
export async function mayReplace(
  { client, paths }: Place,
  error: ApiError,
  object: KubeObject,
  live: KubeObject,
): Promise<boolean> {
  const path = await paths.of(object)
  return isTransitionRefused(client, path.slice(0, path.lastIndexOf('/')), error, object, live)
}

/** Why a restore could not set an object back, and what is left to do about it. */
export function refusalOf(object: KubeObject, error: InputError | ToolError): NonNullable<Change['refused']> {
  return { why: error.message, remedy: remedyOf(object, error) }
}

function remedyOf({ kind }: KubeObject, error: InputError | ToolError): string {
  const reason = 'reason' in error ? error.reason : undefined
  switch (reason) {
    case 'access-denied':
    case 'quota-exceeded':
      return error.hint
    case 'admission-refused':
      return `Have the policy or webhook admit the recorded ${kind}, then run the rollback again.`
    case 'immutable-field':
      return 'It is not deleted, since data may go with it. If nothing of it is needed, delete it with kubectl, then run the rollback again.'
    case 'manifest-invalid':
      return `The cluster does not take the recorded ${kind} in place of the live one: compare the two (kubectl get -o yaml), and set the fields that matter by hand.`
    default:
      return `Look at it with kubectl, then run the rollback again. ${error.hint}`
  }
}
