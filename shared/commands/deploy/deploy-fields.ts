import {
  commonFields,
  defaultTimeout,
  duration,
  flag,
  path,
  targetFields,
  text,
  type Fields,
  type Inputs,
  type Outputs,
} from '../step/inputs.ts'
import { lockFor } from '../promote/lock-for-input.ts'

export const deployFields = {
  ...commonFields,
  ...targetFields,
  version: text('Version to deploy. Default: the tag that triggered the run.', 'a full version like v1.2.3'),
  image: text(
    'Image to deploy; a tag is pinned to its digest first. Not needed for a process target.',
    'an image reference like registry.example.com/runbook-api@sha256:...',
  ),
  manifests: path(
    'Kubernetes manifests, instead of those that the runbook names.',
    'a folder or file in the repository, or the folder of a kustomization',
  ),
  backup: text(
    'URI of the backup that was taken just before; recorded with the release, so that a rollback with-db finds it. ' +
      "Default: the newest verified one of the runbook's store, if it is younger than the RPO and than the release that serves.",
    'the output backup-uri of backup-db',
  ),
  'force-conflicts': flag(
    'Take fields that something else owns, instead of stopping before anything is changed. The log names each.',
    { default: 'false' },
  ),
  'dry-run': flag('Show what would change, and change nothing.', { default: 'false' }),
  timeout: duration('How long the lease may be waited for, and how long the rollout may take.', {
    default: defaultTimeout,
  }),
  'lock-for': lockFor(),
} satisfies Fields

export const deployOutputs = {
  'release-id': 'Id of the release in the ledger, like `r42`.',
  'previous-release-id': 'Id of the release that served before; empty for the first.',
  'image-digest': 'Digest that was deployed, like `sha256:...`.',
  changed: '`true` when something was changed.',
  'longest-gap-ms':
    'Longest time, in milliseconds, that the service did not answer while the release replaced the previous one; empty when it was not measured.',
  'failed-requests': 'Requests that failed in that time, of ten a second; empty when it was not measured.',
} satisfies Outputs

export type DeployInputs = Inputs<typeof deployFields>
