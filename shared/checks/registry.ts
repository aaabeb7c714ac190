import { announcement } from './announcement.ts'
import { audit } from './audit.ts'
import { backup } from './backup.ts'
import { branch } from './branch.ts'
import { certificate } from './certificate.ts'
import { certificateFiles } from './certificate-files.ts'
import type { Check } from './check.ts'
import { ci } from './ci.ts'
import { database } from './database.ts'
import { envFile } from './env-file.ts'
import { externalServices } from './external-services.ts'
import { freeze } from './freeze.ts'
import { githubEnvironments } from './github-environments.ts'
import { hold } from './hold.ts'
import { host } from './host.ts'
import { imageUser } from './image-user.ts'
import { image } from './image.ts'
import { lint } from './linter.ts'
import { manifests } from './manifests.ts'
import { migrations } from './migrations.ts'
import { monitoring } from './monitoring.ts'
import { onCall } from './on-call.ts'
import { ports } from './ports.ts'
import { redis } from './redis.ts'
import { resources } from './resources.ts'
import { review } from './review.ts'
import { rollbackPossible } from './rollback-possible.ts'
import { service } from './service.ts'
import { tests } from './tests.ts'
import { tls } from './tls.ts'
import { tools } from './tools.ts'
import { verification } from './verification.ts'
import { vulnerabilities } from './vulnerabilities.ts'

/** The checks by the part of the guide's list that they answer, in its order. */
export const parts: readonly { title: string; checks: readonly Check[] }[] = [
  { title: 'Code', checks: [ci, review, branch, tests, lint, audit] },
  {
    title: 'Environment',
    checks: [githubEnvironments, envFile, database, migrations, redis, externalServices],
  },
  {
    title: 'Infrastructure',
    checks: [host, tools, certificate, certificateFiles, tls, ports, service, backup, monitoring],
  },
  {
    title: 'Release and way back',
    checks: [image, imageUser, vulnerabilities, manifests, resources, verification, rollbackPossible],
  },
  { title: 'Team', checks: [announcement, freeze, hold, onCall] },
]

/** Every check, in the order of the guide's list. */
export const checks: readonly Check[] = parts.flatMap(part => part.checks)
