import {
  commonFields,
  defaultTimeout,
  duration,
  flag,
  secret,
  targetFields,
  text,
  type Fields,
  type Inputs,
  type Outputs,
} from '../step/inputs.ts'

export const rollbackFields = {
  ...commonFields,
  ...targetFields,
  to: text(
    'What to go back to. `last-good` only undoes a release that is unfinished, and changes nothing when none is. ' +
      'Default: the last good release before the one that is there.',
    'last-good, a release id like r3, a version like v1.2.3, or a Kubernetes revision like 3',
  ),
  'with-db': flag(
    'Put the database back too: the backup that was taken just before the release that is withdrawn was deployed. ' +
      'Needs confirm; with dry-run it says what would be lost.',
    { default: 'false' },
  ),
  confirm: text(
    "With with-db, the environment's name, to say that its live database is meant. Else only for going back past the " +
      'oldest version that can live with the schema of the database: that version once more, to say that the database ' +
      'was put back too.',
    "the environment's name, or the version that is gone back to",
  ),
  'database-url': secret(
    "The live database, for with-db. Default: DATABASE_URL of the runbook's backup.env-file, else as the service gets it: of the target's env, else of the env-file.",
    'a URL like postgresql://user:password@host:5432/database?sslmode=require',
  ),
  'decrypt-with': secret(
    'What an encrypted backup is opened with, for with-db: an age identity (secret key), or the GnuPG passphrase.',
    'a text like AGE-SECRET-KEY-1..., or a passphrase',
  ),
  unlock: flag(
    'First take the lock away from the run that holds it, for when that run is dead or stuck. A run that still works is ' +
      'stopped: nothing that it sends reaches the environment any more.',
    { default: 'false' },
  ),
  because: text(
    'Why, for the history. Default: what is known of the release that is withdrawn.',
    'one sentence',
  ),
  'dry-run': flag('Say what would be brought back, and what would be lost; change nothing.', {
    default: 'false',
  }),
  settle: flag(
    'Only finish what a run that vanished left behind; change nothing when everything is settled.',
    {
      default: 'false',
    },
  ),
  timeout: duration(
    'How long the lease may be waited for, and how long the old release may take to serve; with with-db, the restore of ' +
      'the backup too: give it the RTO.',
    { default: defaultTimeout },
  ),
} satisfies Fields

export const rollbackOutputs = {
  'restored-release-id': 'Id of the release that serves again; empty when nothing was restored.',
  verdict: '`healthy`, `unhealthy`, `unverified` or `nothing-to-restore`.',
} satisfies Outputs

export type RollbackInputs = Inputs<typeof rollbackFields>
