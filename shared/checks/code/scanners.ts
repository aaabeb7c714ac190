/** One known hole of an image. */
export interface Hole {
  /** `CVE-2026-1234`, `GHSA-...` */
  id: string
  severity: 'critical' | 'high' | 'lesser'
  /** Package and version. */
  where: string
  /** Version that has it no more; empty when there is none. */
  fixedIn: string
}

/** A program that knows which holes an image has. */
export interface Scanner {
  name: string
  /** Ends with 0 where it is installed. */
  version: string[]
  /** @param image reference, or id of an image that only the local Docker engine has */
  command(image: string): string[]
  /** @returns undefined when it is no report */
  read(stdout: string): Hole[] | undefined
}

const severityOf = (word = ''): Hole['severity'] => {
  const lower = word.toLowerCase()
  return lower === 'critical' || lower === 'high' ? lower : 'lesser'
}

/** CVSS v3 and v4: critical from 9.0, high from 7.0. */
const severityOfScore = (score = ''): Hole['severity'] => {
  if (Number(score) >= 9) return 'critical'
  return Number(score) >= 7 ? 'high' : 'lesser'
}

const isLocal = (image: string) => image.startsWith('sha256:')

/** https://github.com/anchore/grype, `-o json` */
const grype: Scanner = {
  name: 'grype',
  version: ['grype', 'version'],
  // Without --quiet, which would keep from us why it could not.
  command: image => ['grype', `${isLocal(image) ? 'docker' : 'registry'}:${image}`, '--output', 'json'],
  read: stdout => {
    const report = parse(stdout) as
      | {
          matches?: {
            vulnerability: { id: string; severity?: string; fix?: { versions?: string[] } }
            artifact: { name: string; version: string }
          }[]
        }
      | undefined
    return report?.matches?.map(({ vulnerability: { id, severity, fix }, artifact }) => ({
      id,
      severity: severityOf(severity),
      where: `${artifact.name} ${artifact.version}`,
      fixedIn: fix?.versions?.[0] ?? '',
    }))
  },
}

/** https://trivy.dev, `--format json` */
const trivy: Scanner = {
  name: 'trivy',
  version: ['trivy', '--version'],
  command: image => ['trivy', 'image', '--no-progress', '--scanners', 'vuln', '--format', 'json', image],
  read: stdout => {
    const report = parse(stdout) as
      | {
          SchemaVersion?: number
          Results?: {
            Vulnerabilities?: {
              VulnerabilityID: string
              PkgName: string
              InstalledVersion: string
              FixedVersion?: string
              Severity?: string
            }[]
          }[]
        }
      | undefined
    if (report?.SchemaVersion === undefined) return undefined
    const found = (report.Results ?? []).flatMap(({ Vulnerabilities = [] }) => Vulnerabilities)
    return found.map(({ VulnerabilityID, PkgName, InstalledVersion, FixedVersion = '', Severity }) => ({
      id: VulnerabilityID,
      severity: severityOf(Severity),
      where: `${PkgName} ${InstalledVersion}`,
      fixedIn: FixedVersion,
    }))
  },
}

/** https://google.github.io/osv-scanner, version 2, `--format json`: holes that are the same one come in a group. */
const osvScanner: Scanner = {
  name: 'osv-scanner',
  version: ['osv-scanner', '--version'],
  command: image => ['osv-scanner', 'scan', 'image', '--format', 'json', image],
  read: stdout => {
    const report = parse(stdout) as
      | {
          results?: {
            packages?: {
              package: { name: string; version: string }
              groups?: { ids: string[]; max_severity?: string }[]
              vulnerabilities?: OsvEntry[]
            }[]
          }[]
        }
      | undefined
    return report?.results
      ?.flatMap(({ packages = [] }) => packages)
      .flatMap(({ package: { name, version }, groups = [], vulnerabilities = [] }) =>
        groups.map(({ ids, max_severity }) => ({
          id: ids.find(id => id.startsWith('CVE-')) ?? ids[0] ?? '',
          severity: severityOfScore(max_severity),
          where: `${name} ${version}`,
          fixedIn: fixOf(vulnerabilities.filter(({ id }) => ids.includes(id))),
        })),
      )
  },
}

/** https://ossf.github.io/osv-schema */
interface OsvEntry {
  id: string
  affected?: { ranges?: { events?: { fixed?: string }[] }[] }[]
}

function fixOf(entries: OsvEntry[]): string {
  const events = entries.flatMap(({ affected = [] }) =>
    affected.flatMap(({ ranges = [] }) => ranges.flatMap(range => range.events ?? [])),
  )
  return events.find(({ fixed }) => fixed !== undefined)?.fixed ?? ''
}

/** https://docs.docker.com/scout, `--format sarif`: SARIF 2.1.0, one rule a hole, with what Scout knows in its properties. */
const dockerScout: Scanner = {
  name: 'docker scout',
  version: ['docker', 'scout', 'version'],
  command: image => [
    ...['docker', 'scout', 'cves', '--format', 'sarif'],
    `${isLocal(image) ? 'local' : 'registry'}://${image}`,
  ],
  read: stdout => {
    const report = parse(stdout) as { runs?: { tool: { driver: { rules?: ScoutRule[] } } }[] } | undefined
    return report?.runs
      ?.flatMap(({ tool }) => tool.driver.rules ?? [])
      .map(({ id, properties = {} }) => ({
        id,
        severity: severityOfScout(properties),
        where: packageOf(properties.purls?.[0] ?? properties.purl),
        fixedIn: properties.fixed_version === 'not fixed' ? '' : (properties.fixed_version ?? ''),
      }))
  },
}

interface ScoutRule {
  id: string
  properties?: {
    /** `UNSPECIFIED` where only a score of an older version is known. */
    cvssV3_severity?: string
    'security-severity'?: string
    purls?: string[]
    /** Before `purls`. */
    purl?: string
    fixed_version?: string
  }
}

function severityOfScout({
  cvssV3_severity: word = 'UNSPECIFIED',
  ...more
}: ScoutRule['properties'] & object) {
  return word === 'UNSPECIFIED' ? severityOfScore(more['security-severity']) : severityOf(word)
}

/** `pkg:deb/debian/zlib@1.2?os_version=12` as people say it: `zlib 1.2`. */
function packageOf(purl = ''): string {
  const [, name = 'a package', version = ''] =
    /^pkg:(?:[^/@]{0,500}\/){0,50}([^/@]{1,500})@([^?#]{1,500})/.exec(purl) ?? []
  return `${decodeURIComponent(name)} ${decodeURIComponent(version)}`.trim()
}

/** In the order of preference: what needs no account and keeps its own database first. */
export const scanners: readonly Scanner[] = [grype, trivy, osvScanner, dockerScout]

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
