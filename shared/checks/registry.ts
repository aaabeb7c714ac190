import { announcement } from './team/announcement.ts'
import { audit } from './code/audit.ts'
import { backup } from './release/backup.ts'
import { branch } from './code/branch.ts'
import { certificate } from './environment/certificate.ts'
import { certificateFiles } from './environment/certificate-files.ts'
import type { Check } from './check.ts'
import { ci } from './code/ci.ts'
import { database } from './infrastructure/database.ts'
import { envFile } from './environment/env-file.ts'
import { externalServices } from './environment/external-services.ts'
import { freeze } from './team/freeze.ts'
import { githubEnvironments } from './code/github-environments.ts'
import { hold } from './team/hold.ts'
import { host } from './infrastructure/host.ts'
import { imageUser } from './release/image-user.ts'
import { image } from './release/image.ts'
import { lint } from './code/linter.ts'
import { manifests } from './release/manifests.ts'
import { migrations } from './release/migrations.ts'
import { monitoring } from './infrastructure/monitoring.ts'
import { onCall } from './team/on-call.ts'
import { ports } from './environment/ports.ts'
import { redis } from './infrastructure/redis.ts'
import { resources } from './infrastructure/resources.ts'
import { review } from './code/review.ts'
import { rollbackPossible } from './release/rollback-possible.ts'
import { service } from './environment/service.ts'
import { tests } from './code/tests.ts'
import { tls } from './environment/tls.ts'
import { tools } from './environment/tools.ts'
import { verification } from './release/verification.ts'
import { vulnerabilities } from './code/vulnerabilities.ts'

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
