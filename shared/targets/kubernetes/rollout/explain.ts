import { ToolError } from '../../../outcome/errors.ts'
import type { Reason } from '../../../outcome/reasons.ts'
import { ApiError } from '../api/api-error.ts'
import { describe, type KubeObject } from '../manifests/objects.ts'

/** One kind of refusal: how the API server words it, and what a person does about it. */
interface Refusal {
  reason: Reason
  /** Matched against the API server's own message. */
  says: RegExp
  hint: (match: RegExpExecArray, object: KubeObject) => string
}

/**
 * In the order in which they are tried. The words are those of Kubernetes 1.28 to 1.35 (plugin/pkg/admission,
 * apimachinery/pkg/api/validation, staging/src/k8s.io/apiserver/pkg/admission).
 */
const refusals: Refusal[] = [
  {
    reason: 'admission-refused',
    says: /ValidatingAdmissionPolicy '([^']+)'/,
    hint: ([, policy = '']) =>
      `Change the object as the policy ${policy} asks, or have the policy changed: kubectl get validatingadmissionpolicy ${policy} -o yaml.`,
  },
  {
    reason: 'admission-refused',
    says: /admission webhook "([^"]+)" denied the request/,
    hint: ([, webhook = '']) => `Change the object as ${webhook} asks; the owners of that webhook know why.`,
  },
  {
    reason: 'admission-refused',
    says: /violates PodSecurity "([^"]+)"/,
    hint: ([, level = '']) =>
      `Set the securityContext fields that the message names: the namespace asks for Pod Security ${level}.`,
  },
  {
    reason: 'quota-exceeded',
    says: /exceeded quota: ([^,\s]+)/,
    hint: ([, quota = '']) =>
      `Raise the ResourceQuota ${quota}, or ask for less: kubectl describe resourcequota ${quota} shows what uses it.`,
  },
  {
    reason: 'quota-exceeded',
    says: /failed quota: ([^:\s]+): must specify ([^;]+)/,
    hint: ([, quota = '', what = '']) =>
      `Set ${what.replace(/ for: .*/, '')} on every container: the ResourceQuota ${quota} counts them.`,
  },
  {
    reason: 'quota-exceeded',
    says: /(?:minimum|maximum) \S+ (?:usage|limit to request ratio|storage usage) per|max limit to request ratio per/,
    hint: () =>
      'Keep requests and limits within the LimitRange of the namespace: kubectl describe limitrange.',
  },
  {
    reason: 'immutable-field',
    says: /field is immutable|updates to \S+ spec for fields other than|spec is immutable after creation|may not change once set|is immutable when/,
    hint: (_match, object) => immutableHint(object),
  },
  {
    reason: 'access-denied',
    says: /cannot \w+ resource "[^"]+"/,
    // The API error knows verb, resource and Role.
    hint: () => '',
  },
  {
    reason: 'manifest-invalid',
    says: /the server could not find the requested resource/,
    hint: (_match, { apiVersion, kind }) =>
      `The cluster does not serve ${kind} of ${apiVersion}: name a version that it does (kubectl api-versions).`,
  },
  {
    reason: 'apply-refused',
    says: /failed calling webhook "([^"]+)"/,
    hint: ([, webhook = '']) =>
      `The webhook ${webhook} does not answer: fix what serves it (kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations), then run this again.`,
  },
  {
    reason: 'being-deleted',
    says: /because it is being terminated/,
    hint: () => 'Wait until the namespace is gone, make it anew, then run this again.',
  },
  {
    reason: 'manifest-invalid',
    says: /unknown field|strict decoding error|is invalid:|Invalid value|Required value|cannot unmarshal|failed to create typed patch object|duplicate entries for key/,
    hint: () => 'Fix the manifest: the message names the field.',
  },
]

/**
 * Why the API server does not take an object, with the reason code and the remedy of that kind of refusal. Anything but
 * a refusal (no answer, an overloaded server, a lost lease) is returned as it is.
 */
export function explain(error: unknown, object: KubeObject): unknown {
  if (!(error instanceof ApiError)) return error
  if (error.conflicts.length > 0) return conflict(error, object)
  const said = error.answer.message ?? error.message
  for (const { reason, says, hint } of refusals) {
    const match = says.exec(said)
    if (!match) continue
    return new ToolError(`${describe(object)}: ${said}`, {
      tool: 'Kubernetes API',
      code: error.status,
      reason,
      hint: hint(match, object) || error.hint,
      cause: error,
    })
  }
  return error
}

/** A conflict of server-side apply, in words: who owns which field. */
function conflict(error: ApiError, object: KubeObject): ToolError {
  const fields = error.conflicts.map(({ field, manager }) => `${field} belongs to ${manager}`)
  return new ToolError(`${describe(object)}: ${fields.join('; ')}`, {
    tool: 'Kubernetes API',
    code: 409,
    reason: 'field-conflict',
    hint: 'Take the field out of the manifests, or make the other side let go of it, then deploy again; force-conflicts: true takes it.',
    cause: error,
  })
}

function immutableHint(object: KubeObject): string {
  const { kind, metadata } = object
  switch (kind) {
    case 'ConfigMap':
    case 'Secret':
      return `Give the ${kind} a new name for its new content, and let the pods refer to that: it is marked immutable.`
    case 'PersistentVolumeClaim':
      return 'Of a claim only the requested size can grow. Make a new claim for anything else, and move the data.'
    case 'StatefulSet':
      return `Undo the change, or replace the StatefulSet and keep its pods in a maintenance window: kubectl delete statefulset ${metadata.name} --cascade=orphan, then deploy again.`
    default:
      return `Undo the change, or give the ${kind} a new name, so that the release makes a new one and removes the old.`
  }
}

/** Several refusals as one error: all of them are named, so that they can be fixed together. */
export function together(errors: unknown[]): unknown {
  const [first] = errors
  const refused = errors.filter(each => each instanceof ToolError)
  if (errors.length < 2 || refused.length < errors.length || !(first instanceof ToolError)) return first
  const named = refused.slice(0, namedRefusals).map(({ message }) => message)
  if (refused.length > named.length) named.push(`and ${refused.length - named.length} more`)
  return new ToolError(`${refused.length} objects are refused: ${named.join(' | ')}`, {
    tool: first.tool,
    ...(first.code === undefined ? {} : { code: first.code }),
    ...(first.reason === undefined ? {} : { reason: first.reason }),
    hint: first.hint,
    stderr: refused.map(({ message, hint }) => `${message}\n  ${hint}`).join('\n'),
    cause: first,
  })
}

/** Refusals in the one-line message; all of them are in the evidence. */
const namedRefusals = 3
