import { describe, expect, test } from '@jest/globals'
import { judgeAudit } from '../../../shared/checks/code/audit.ts'
import { scanners } from '../../../shared/checks/code/scanners.ts'
import { judgeHoles, vulnerabilities } from '../../../shared/checks/code/vulnerabilities.ts'
import { ToolError } from '../../../shared/outcome/errors.ts'
import type { Exec } from '../../../shared/host/exec.ts'
import type { Target } from '../../../shared/targets/target.ts'
import { contextOf } from './context.ts'

/** The same two holes, as each scanner reports them. */
const reports: Record<string, object> = {
  grype: {
    matches: [
      {
        vulnerability: {
          id: 'CVE-2021-44228',
          severity: 'Critical',
          fix: { versions: ['2.15.0'], state: 'fixed' },
        },
        artifact: { name: 'log4j-core', version: '2.14.1' },
      },
      {
        vulnerability: {
          id: 'CVE-2023-0001',
          severity: 'Negligible',
          fix: { versions: [], state: 'not-fixed' },
        },
        artifact: { name: 'zlib', version: '1.2' },
      },
    ],
  },
  trivy: {
    SchemaVersion: 2,
    Results: [
      { Target: 'nothing', Class: 'lang-pkgs' },
      {
        Target: 'app',
        Vulnerabilities: [
          {
            VulnerabilityID: 'CVE-2021-44228',
            PkgName: 'log4j-core',
            InstalledVersion: '2.14.1',
            FixedVersion: '2.15.0',
            Severity: 'CRITICAL',
          },
          { VulnerabilityID: 'CVE-2023-0001', PkgName: 'zlib', InstalledVersion: '1.2', Severity: 'UNKNOWN' },
        ],
      },
    ],
  },
  'osv-scanner': {
    results: [
      {
        packages: [
          {
            package: { name: 'log4j-core', version: '2.14.1', ecosystem: 'Maven' },
            groups: [{ ids: ['GHSA-jfh8-c2jp-5v3q', 'CVE-2021-44228'], max_severity: '10.0' }],
            vulnerabilities: [
              {
                id: 'GHSA-jfh8-c2jp-5v3q',
                affected: [{ ranges: [{ events: [{ introduced: '2.13.0' }, { fixed: '2.15.0' }] }] }],
              },
            ],
          },
          {
            package: { name: 'zlib', version: '1.2' },
            groups: [{ ids: ['CVE-2023-0001'], max_severity: '' }],
          },
        ],
      },
    ],
  },
  'docker scout': {
    runs: [
      {
        tool: {
          driver: {
            rules: [
              {
                id: 'CVE-2021-44228',
                properties: {
                  cvssV3_severity: 'CRITICAL',
                  purls: ['pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1'],
                  fixed_version: '2.15.0',
                },
              },
              {
                id: 'CVE-2023-0001',
                properties: {
                  cvssV3_severity: 'UNSPECIFIED',
                  'security-severity': '3.1',
                  purl: 'pkg:deb/debian/zlib@1.2?os_distro=bookworm',
                  fixed_version: 'not fixed',
                },
              },
            ],
          },
        },
      },
    ],
  },
}

describe.each(scanners.map(scanner => ({ ...scanner, scanner })))(
  'the report of $name',
  ({ name, scanner }) => {
    test('is read', () => {
      expect(scanner.read(JSON.stringify(reports[name]))).toEqual([
        { id: 'CVE-2021-44228', severity: 'critical', where: 'log4j-core 2.14.1', fixedIn: '2.15.0' },
        { id: 'CVE-2023-0001', severity: 'lesser', where: 'zlib 1.2', fixedIn: '' },
      ])
    })

    test('that is none is told apart from one without holes', () => {
      expect(scanner.read('{}')).toBeUndefined()
      expect(scanner.read('cannot open database')).toBeUndefined()
    })

    test('is asked for by a reference, or by the id of an image that only the engine has', () => {
      expect(scanner.command('localhost/api@sha256:1').join(' ')).toContain('localhost/api@sha256:1')
      expect(scanner.command('sha256:1').join(' ')).toContain('sha256:1')
    })
  },
)

test('a critical hole fails, a high one is warned of, lesser ones pass', () => {
  const hole = { id: 'CVE-1', where: 'a 1', fixedIn: '2' }
  expect(judgeHoles('grype', [{ ...hole, severity: 'critical' }])).toMatchObject({
    result: 'fail',
    finding: 'grype: 1 critical, 0 high, of 1 known holes: CVE-1 in a 1',
    remedy: 'Build the image anew, with newer packages and the newest base: 1 of 1 are fixed there.',
  })
  expect(judgeHoles('grype', [{ ...hole, severity: 'high', fixedIn: '' }])).toMatchObject({
    result: 'warn',
    remedy: expect.stringContaining('add vulnerabilities to accept'),
  })
  expect(judgeHoles('grype', [{ ...hole, severity: 'lesser' }])).toMatchObject({ result: 'pass' })
})

describe('the first scanner that is installed', () => {
  /** Programs by name, and what each writes. */
  function scan(installed: Record<string, string>) {
    const ran: string[] = []
    const exec: Pick<Exec, 'run'> = {
      run(program, args) {
        ran.push([program, ...args].join(' '))
        const stdout = installed[program]
        if (stdout === undefined) return Promise.reject(new ToolError('gone', { tool: program, hint: '' }))
        return Promise.resolve({ code: 0, stdout, stderr: '' })
      },
    }
    const target = { pin: () => Promise.resolve('sha256:1') } as Partial<Target> as Target
    const context = contextOf(
      {},
      { exec: exec as Exec, image: 'api:1', target: () => Promise.resolve(target) },
    )
    return vulnerabilities.run(context).then(found => ({ found, ran }))
  }

  test('is used', async () => {
    const { found, ran } = await scan({ trivy: JSON.stringify(reports['trivy']), docker: '{}' })
    expect(found).toMatchObject({ result: 'fail', finding: expect.stringContaining('trivy: 1 critical') })
    expect(ran).toEqual([
      'grype version',
      'trivy --version',
      'trivy image --no-progress --scanners vuln --format json sha256:1',
    ])
  })

  test('that cannot scan is a warning, and none at all is said', async () => {
    expect((await scan({ grype: 'no database' })).found).toMatchObject({
      result: 'warn',
      detail: 'no database',
    })
    expect((await scan({})).found).toMatchObject({ result: 'skip' })
  })
})

test.each([
  [{ vulnerabilities: {} }, 'pass', 'npm audit finds nothing'],
  [
    { vulnerabilities: { a: { severity: 'moderate', fixAvailable: false } } },
    'warn',
    'npm audit finds a (moderate)',
  ],
  [{ message: '405 Method Not Allowed' }, 'warn', 'npm audit could not ask: 405 Method Not Allowed'],
])('npm audit saying %j is a %s', (report, result, finding) => {
  expect(judgeAudit(JSON.stringify(report))).toMatchObject({ result, finding })
})

test.each([
  [[true, false], /^Run npm audit fix, and the tests after it\.$/],
  [
    [{ name: 'next', version: '15.0.1', isSemVerMajor: true }],
    /^npm audit fix stays .* npm install next@15\.0\.1, and/,
  ],
  [[true, { name: 'qs', version: '6.13.1' }], /^Run npm audit fix.* npm install qs@6\.13\.1/],
  [[false], /^No fix is there yet/],
])('the remedy is one that npm carries out: %j', (fixes, remedy) => {
  const grave = fixes.map((fixAvailable, index) => [`grave-${index}`, { severity: 'high', fixAvailable }])
  // What is not told of is not what is to be fixed.
  const lesser = ['lesser', { severity: 'low', fixAvailable: true }]
  const report = { vulnerabilities: Object.fromEntries([...grave, lesser]) as object }
  expect(judgeAudit(JSON.stringify(report)).remedy).toMatch(remedy)
})
