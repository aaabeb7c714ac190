import { cutEnd } from '../../../outcome/cut.ts'
import { ToolError } from '../../../outcome/errors.ts'
import type { Reason } from '../../../outcome/reasons.ts'

/** What the API says when it does not do what it was asked to. */
export interface Status {
  message?: string
  reason?: string
  details?: {
    name?: string
    kind?: string
    group?: string
    causes?: { reason?: string; message?: string; field?: string }[]
  }
}

/** A field that another manager owns with another value. */
export interface Conflict {
  /** `spec.replicas` */
  field: string
  manager: string
  /** Through which the manager wrote; absent for the object itself. */
  subresource?: string
}

/** The Kubernetes API refused a request, or did not answer it. */
export class ApiError extends ToolError {
  /** 0 when no answer came: whether the request was carried out is not known. */
  readonly status: number
  readonly answer: Status

  constructor(message: string, status: number, answer: Status, hint: string, cause?: unknown) {
    const reason = reasonFor(status, answer)
    super(message, {
      tool: 'Kubernetes API',
      hint,
      cause,
      ...(status > 0 ? { code: status } : {}),
      ...(reason === undefined ? {} : { reason }),
    })
    this.status = status
    this.answer = answer
  }

  /** The object was changed, removed or made again since it was read. */
  get stale(): boolean {
    return this.status === 409 && this.conflicts.length === 0
  }

  /** It may or may not have been carried out: only reading tells. */
  get unknown(): boolean {
    return this.status === 0 || this.status >= 500
  }

  /** A webhook of the cluster cannot be asked in a dry run. */
  get takesNoDryRun(): boolean {
    return this.message.includes('does not support dry run')
  }

  /** The namespace that a request was for, when that does not exist. */
  get missingNamespace(): string | undefined {
    return missingNamespaceIn(this.status, this.answer)
  }

  /** Fields that another manager owns, as server-side apply names them, and who that is. */
  get conflicts(): Conflict[] {
    return (this.answer.details?.causes ?? [])
      .filter(({ reason }) => reason === 'FieldManagerConflict')
      .map(({ field = '', message = '' }) => {
        const [, manager = 'another manager', subresource] =
          /conflict with "([^"]+)"(?: with subresource "([^"]+)")?/.exec(message) ?? []
        return {
          field: field.replace(/^\./, ''),
          manager,
          ...(subresource === undefined ? {} : { subresource }),
        }
      })
  }
}

/** @param what the request, for people: `PATCH Deployment production/runbook-api` */
export function refusal(what: string, status: number, body: string): ApiError {
  const answer = parseStatus(body)
  const said = answer.message ?? (cutEnd(body, 300) || `status ${status}`)
  return new ApiError(`${what}: ${said}`, status, answer, hintFor(status, answer))
}

export function noAnswer(what: string, server: string, cause: unknown): ApiError {
  const code = (cause as { code?: string }).code ?? ''
  const said = cause instanceof Error ? cause.message || code : String(cause)
  return new ApiError(
    `${what}: ${server} did not answer: ${said}`,
    0,
    {},
    /CERT|SELF_SIGNED|ALTNAME/.test(code)
      ? 'Check certificate-authority-data in the kubeconfig: the server shows a certificate that it does not cover.'
      : 'Check that the server of the kubeconfig can be reached from here, and that the cluster is up.',
    cause,
  )
}

/** What is read, or undefined where the account may not read it. */
export async function permitted<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return undefined
    throw error
  }
}

function parseStatus(body: string): Status {
  try {
    const parsed: unknown = JSON.parse(body)
    return typeof parsed === 'object' && parsed !== null ? parsed : {}
  } catch {
    return {}
  }
}

/** What is said of a namespace that is named and not there. */
export function namespaceHint(namespace: string): string {
  return `If the name is wrong, correct target.namespace in the runbook. Else an administrator makes it: kubectl create namespace ${namespace}, with the rights of deployment/k8s/access. A release cannot make its own: its lease lies in it.`
}

function missingNamespaceIn(status: number, { details }: Status): string | undefined {
  return status === 404 && details?.kind === 'namespaces' ? details.name : undefined
}

const lackedRight = /cannot (\w+) resource "([^"]+)"(?: in API group "([^"]*)")?/

/** Whatever was asked for, these say more than that it failed. */
function reasonFor(status: number, answer: Status): Reason | undefined {
  if (status === 0) return 'target-unreachable'
  if (status === 401 || (status === 403 && lackedRight.test(answer.message ?? ''))) return 'access-denied'
  return missingNamespaceIn(status, answer) === undefined ? undefined : 'namespace-not-found'
}

function hintFor(status: number, answer: Status): string {
  const { message = '', reason = '' } = answer
  const forbidden = lackedRight.exec(message)
  const missing = missingNamespaceIn(status, answer)
  if (missing !== undefined) return namespaceHint(missing)
  if (status === 403 && forbidden) {
    const [, verb = '', resource = '', group = ''] = forbidden
    const where = message.includes('at the cluster scope') ? 'a ClusterRole' : 'the Role'
    const add = `Add the verb ${verb} on ${resource}${group ? ` (${group})` : ''} to ${where} of the account that deploys; deployment/k8s/access has the one to extend.`
    const namespace = /in the namespace "([^"]+)"/.exec(message)?.[1]
    // A Role says nothing of other namespaces, so that one which does not exist is refused alike.
    return namespace === undefined
      ? add
      : `${add} If the account has this right elsewhere, ${namespace} is misspelt or does not exist: set target.namespace in the runbook.`
  }
  if (status === 401) return 'The credentials of the kubeconfig are wrong or have run out: give new ones.'
  if (status === 403 && message.includes('exceeded quota'))
    return 'Raise the ResourceQuota of the namespace, or ask for less.'
  if (status === 403 || reason === 'Forbidden')
    return 'The cluster forbids this object; the message says which rule.'
  if (status === 404) return 'Check that the kubeconfig is for this cluster.'
  if (status === 422 || status === 400) return 'Fix the manifest: the message names the field.'
  if (status === 429 || status >= 500)
    return 'The API server is overloaded or not well: look at it, then run this again.'
  return 'Look at the object with kubectl, then run this again.'
}
