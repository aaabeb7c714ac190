import { acceptedRecipients } from '../../backup/encryption/age.ts'
import { acceptedSigningKey } from '../../backup/encryption/signature.ts'
import { acceptedDestinations } from '../../backup/storage/open-store.ts'
import { acceptedQuery } from '../../backup/verify/question.ts'
import { acceptedSchemas, acceptedTables } from '../../backup/dump/scope.ts'
import { retentionDefaults } from '../../config/environment.ts'
import {
  choice,
  commonFields,
  duration,
  flag,
  privateKey,
  secret,
  size,
  targetFields,
  text,
  tunnelFields,
  whole,
  type Fields,
  type Inputs,
  type Outputs,
} from '../step/inputs.ts'

const databaseUrl = 'a URL like postgresql://user:password@host:5432/database?sslmode=require'

export const backupDbFields = {
  ...commonFields,
  ...targetFields,
  ...tunnelFields,
  'database-url': secret(
    "The database. Default: DATABASE_URL of the runbook's backup.env-file, else as the service gets it: of the target's env, else of the env-file. The address of the server itself, not of a connection pooler.",
    databaseUrl,
  ),
  destination: text(
    "Where backups are kept. Default: the runbook's backup.destination.",
    acceptedDestinations,
  ),
  schemas: text('Schemas to dump. Default: all of them.', acceptedSchemas),
  'exclude-schemas': text('Schemas to leave out.', acceptedSchemas),
  tables: text(
    'Tables to dump, partitions with them. Default: all of them; with it, only what belongs to these tables is dumped.',
    acceptedTables,
  ),
  'exclude-tables': text('Tables to leave out.', acceptedTables),
  'exclude-data': text('Tables of which the rows are left out.', acceptedTables),
  'large-objects': choice('Whether large objects are dumped.', ['include', 'leave-out'], {
    default: 'include',
  }),
  verify: choice(
    'How the backup is proved: restored elsewhere and compared row for row, the same beside the live database, only its table of contents read, or not at all.',
    ['restore', 'same-server', 'list', 'none'],
    { default: 'restore' },
  ),
  'verify-url': secret(
    'Server to restore into, in a scratch database that is dropped again. Default: a temporary server on this machine, in a sandbox.',
    databaseUrl,
  ),
  'verify-query': text(
    "Asked of the dumped instant and of its restore, which must answer alike. Default: the runbook's backup.verify-query.",
    acceptedQuery,
  ),
  'verify-free-disk': size(
    'For verify: same-server, where the free disk of the server cannot be seen from here: what is free there.',
  ),
  'encrypt-to': text(
    "age recipients (public keys) that the backup is encrypted to. Default: the runbook's backup.encrypt-to, else it is not encrypted.",
    acceptedRecipients,
  ),
  'encrypt-passphrase': secret(
    'Passphrase to encrypt the backup with instead, by the GnuPG of this machine (AES-256).',
    'a passphrase on one line',
  ),
  'decrypt-with': secret(
    'age identity (secret key) with which the stored backup is opened to verify it. Default: the key of this run, which proves all but that your identity opens it.',
    'a text like AGE-SECRET-KEY-1...',
  ),
  'signing-key': privateKey(
    "Ed25519 private key that signs the backup, for the runbook's backup.signed-by. openssl genpkey -algorithm ed25519 makes one; openssl pkey -pubout shows its public key.",
    acceptedSigningKey,
  ),
  'retention-days': whole(
    `Days after which a backup may be removed. Default: the runbook's backup.retention-days, else ${retentionDefaults.days}.`,
    1,
    36_500,
  ),
  'keep-long': flag(
    `Whether this backup stays for retention-days. Otherwise it may go after the runbook's backup.short-days (default: ${retentionDefaults.shortDays}), unless it is the first verified one of its day and none is kept long.`,
    { default: 'true' },
  ),
  'keep-at-least': whole('Verified backups that stay, however old they are.', 1, 100_000, {
    default: String(retentionDefaults.keepAtLeast),
  }),
  timeout: duration('How long all of it may take.', { default: '1h' }),
  'dry-run': flag('Find out whether a backup could be taken and verified, and take none.'),
} satisfies Fields

export const backupDbOutputs: Outputs = {
  'backup-uri': 'Where the backup lies.',
  sha256: 'SHA-256 of the stored backup.',
  bytes: 'Its size in bytes.',
  tables: 'How many tables it holds.',
  'rpo-ms':
    'Milliseconds between this backup and the verified one before: what could have been lost at most.',
  'rto-ms': 'Milliseconds that restoring and comparing it took; empty when it was not restored.',
  verified:
    'true when it was restored and compared; a backup that was only listed, or not looked at, is false.',
}

export type BackupDbInputs = Inputs<typeof backupDbFields>
