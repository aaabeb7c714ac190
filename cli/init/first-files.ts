import type { Server } from './repository.ts'
import type { Publication } from './workflow-plan.ts'

/** What the first runbook is about. */
export interface FirstService {
  /** Its name, a DNS label. */
  service: string
  /** The script that Node starts. */
  start: string
  server: Server
}

/**
 * The text of a first runbook, with the three kinds of target in the guide's order. On GitHub itself, staging and production tell it
 * what is live: the deployments that jobs file by themselves would be wrong after a rollback.
 */
export function firstRunbook({ service, start, server }: FirstService, publication: Publication): string {
  const notify =
    server === 'github.com'
      ? '\n    # GitHub shows what is live, also after a rollback.\n    notify: { github: GITHUB_TOKEN }'
      : ''
  return `# yaml-language-server: $schema=${schemaAt(publication, 'runbook')}
# Where ${service} runs. Change what is not so, and remove the environments that you do not have.
service: ${service}

environments:
  development:
    target: { kind: process, app: ${service}, directory: deployment/releases, start: ${JSON.stringify(start)} }
    url: http://localhost:3000
    # Lines of NAME=value. It holds secrets, and stays out of git.
    env-file: deployment/config/.env.development
    # Paths that answer 2xx while the service is well.
    gate: { paths: [/health] }
    smoke: { suite: deployment/smoke.yml, requests: 200 }

  staging:
    # DOCKER_HOST, or host here, says which engine: ssh://deploy@staging.example.com
    target: { kind: docker, container: ${service}, ports: ['3001:3000'] }
    url: http://localhost:3001
    env-file: deployment/config/.env.staging
    gate: { paths: [/health], for: 1m }
    smoke: { suite: deployment/smoke.yml, requests: 200 }${notify}

  production:
    # The manifests name the image ${service}, without a tag: a release puts its own there.
    target:
      { kind: kubernetes, namespace: ${service}, manifests: deployment/k8s, workload: deployment/${service} }
    url: https://${service}.example.com
    env-file: deployment/config/.env.production
    gate: { paths: [/health], for: 2m }
    smoke: { suite: deployment/smoke.yml, requests: 200 }${notify}
`
}

/** The text of a first smoke suite. */
export function firstSuite(service: string, publication: Publication): string {
  return `# yaml-language-server: $schema=${schemaAt(publication, 'smoke')}
name: ${service}
load: { path: /health }
requests:
  - name: health
    path: /health
    expect: { status: 200 }
`
}

/** Where an editor finds the schema of a file. */
function schemaAt({ repository, ref }: Publication, name: 'runbook' | 'smoke'): string {
  return `https://raw.githubusercontent.com/${repository}/${ref}/${name}.schema.json`
}
