/**
 * Every way in which a step can end: the closed list of reason codes, each with what it means.
 * The troubleshooting page has an entry for each that is not a success (a contract test holds them together).
 */
export const reasons = {
  done: 'The step did what it was asked to.',
  'dry-run': 'Nothing was changed, as asked; the plan is in the outcome.',
  'already-serving': 'The version asked for serves already.',
  superseded: 'A newer version was deployed while this run waited for the lease.',
  'nothing-to-settle': 'No release was left unfinished.',
  'settled-good': 'The unfinished release was well and is now the good one.',
  restored: 'The last good release serves again.',

  'input-invalid': 'An input, the runbook or an env file is wrong. Nothing was touched.',
  'checks-failed': 'A pre-deploy check failed. Nothing was touched.',
  'lease-held': 'Another run holds the environment, and did not give it back in time.',
  'lease-lost': 'Another run took the environment over while this step worked.',
  held: 'An operator has put the environment on hold: nothing automatic touches it until an operator resumes.',
  'downgrade-refused': 'The version is older than the one that serves.',
  'version-moved': 'The version was released before, from another image or commit. Nothing was touched.',
  'image-not-found': 'The image does not exist in its registry, or may not be pulled.',
  'image-mismatch':
    'A registry or engine sent another image, or another part of one, than was asked for. Nothing of it was used.',
  'not-attested':
    'The image lacks the attestation or signature that the runbook requires. Nothing was touched.',
  'registry-untrusted':
    'A registry wants its login sent to a place that is not its own. Nothing was sent there.',
  'target-unreachable': 'The cluster or the Docker engine does not answer.',
  'namespace-not-found': 'The namespace that is released into does not exist.',
  'release-not-made':
    'What the release needs could not be made: its files, its dependencies or its image. Nothing that runs was touched.',
  'being-deleted': 'An object of the release, or its namespace, is still being deleted. Nothing was touched.',
  'apply-refused': 'The cluster or the Docker engine refused an object.',
  'adoption-refused':
    'What runs could not be recorded so that a rollback can create it again. Nothing was changed.',
  'record-refused':
    'The record of a release asks for more than the runbook allows, or names what is no part of it. Nothing was changed.',
  'apply-undone':
    'An object was refused while the release was applied; what was applied has been taken back.',
  'field-conflict': 'Another field manager owns a field that the release sets.',
  'admission-refused': 'A policy or webhook of the cluster does not admit an object.',
  'quota-exceeded': 'A quota or limit of the namespace does not let the release in.',
  'immutable-field': 'The release changes a field that the cluster never lets change.',
  'manifest-invalid': 'A manifest has a field or value that the cluster does not know.',
  'access-denied': 'The credentials are wrong or have run out, or the account that deploys lacks a right.',
  'workload-paused': 'A Deployment that the release changes is paused, so that nothing would roll out.',
  'rollout-doomed': 'The new release cannot become ready.',
  'rollout-deadline': 'The new release did not become ready in the time given.',
  'gap-exceeded':
    'The service did not answer for longer than the runbook allows while the release replaced the previous one.',
  'gate-failed': 'The service answered, and not well enough.',
  'gate-inconclusive': 'The gate could not measure enough to decide.',
  'not-as-released': 'What runs was changed while it was released: it is not what was gated.',
  'smoke-failed': 'A request of the suite, or the load, did not meet what was expected.',
  'pooler-in-the-way':
    'The address of the database is that of a connection pooler, which lends its sessions. Nothing was set or changed.',
  'backup-failed': 'The database could not be dumped or stored. No backup was kept.',
  'backup-unverified': 'The backup could not be restored and compared. It does not count.',
  'backup-untrusted':
    'A backup, or what lies beside it in the store, is not what a key of the runbook has signed, is not encrypted as the runbook demands, or is dated in the future. Nothing of it was used.',
  'backup-unsigned':
    'The runbook names no key that signs backups, so that every holder of the keys of the store can forge one. A warning.',
  'sandbox-unavailable':
    'No sandbox could be made on this machine to restore the backup in. Nothing was restored.',
  'ledger-not-copied':
    'The copy of the ledger was not written to the backup store; the release itself is recorded. A warning.',
  'restore-refused': 'The database restore was refused before anything was changed.',
  'restore-failed': 'The database could not be restored. The live database is as it was.',
  'objective-missed': 'The newest backup is older than the RPO, or restoring it took longer than the RTO.',
  'record-lost':
    'The record of the release that serves is gone: there would be no way back. Nothing was touched.',
  'ledger-lost': 'What serves is a release that the ledger does not know. Nothing was touched.',
  'history-missing':
    'The environment has no release history where the step looked, so that there is nothing to recover, or it is the wrong place.',
  'nothing-to-restore': 'No good release is there to go back to.',
  'restored-unhealthy': 'The last good release serves again, but does not pass its gate.',
  'restored-partly':
    'The last good release serves again, but an object of it could not be restored and needs an operator.',
  'restored-unverified': 'The last good release serves again; whether it is well could not be measured.',
  'rollback-impossible':
    'The release could not be rolled back: the account may not do what that would take. Nothing was touched.',
  'schema-too-new':
    'The schema of the database is too new for the release that would serve. Nothing was touched.',
  'migration-failed': 'A migration of the release failed. The workload was not touched.',
  'rollback-failed': 'The last good release could not be brought back.',
  'monitoring-incomplete': 'A part of the monitoring is missing, refused or down.',
  'too-large': 'Something that was to be read is larger than the limit for it. The rest of it was not read.',
  'tool-failed': 'A program or service did not do what it was asked to.',
  deadline: 'The step did not end in its timeout.',
  cancelled: 'The step was cancelled.',
  bug: 'runbook-actions itself failed. Please report it with the stack.',
} as const

/** One stable kebab-case word that says why a step ended as it did. */
export type Reason = keyof typeof reasons
