import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import { z } from 'zod'
import { fail, pass, skip, warn, type Check, type Finding } from '../check.ts'
import { judgedElsewhere, packageFolder } from './npm-script.ts'

/** `true`: `npm audit fix` does it; a package: that version would, which package.json does not allow; `false`: nothing does. */
const fix = z.union([z.boolean(), z.object({ name: z.string(), version: z.string() })])
type Fix = z.infer<typeof fix>

/** What `npm audit --json` says (report version 2). */
const auditReport = z.object({
  vulnerabilities: z.record(z.string(), z.object({ severity: z.string(), fixAvailable: fix })).optional(),
  message: z.string().optional(),
  error: z.object({ summary: z.string().optional() }).optional(),
})

const mostNames = 10

/** The guide's `npm audit`, of what is deployed: packages that only build or test are no way in for an attacker. */
export const audit: Check = {
  id: 'audit',
  title: 'No package that is deployed has a known hole (`npm audit`; on GitHub, `ci` answers)',
  deadlineMs: 60_000,
  inapplicable: () => '',
  async run(context) {
    const elsewhere = await judgedElsewhere(context)
    if (elsewhere !== '') return skip(elsewhere)
    const { environment, exec, env, signal } = context
    const cwd = packageFolder(environment)
    const locked = await access(resolve(cwd, 'package-lock.json')).then(
      () => true,
      () => false,
    )
    if (!locked) return skip(`no package-lock.json in ${cwd}`)
    const { stdout } = await exec.run('npm', ['audit', '--omit=dev', '--json'], { cwd, env, signal })
    return judgeAudit(stdout)
  },
}

/** High and critical holes stop a release, lesser ones are worth a word. */
export function judgeAudit(stdout: string): Finding {
  const report = parse(stdout)
  if (!report?.vulnerabilities) {
    return warn(
      `npm audit could not ask: ${report?.message ?? report?.error?.summary ?? 'it said nothing'}`,
      'Run npm audit where its registry can be reached: nothing is known of the packages.',
    )
  }
  const found = Object.entries(report.vulnerabilities)
  if (found.length === 0) return pass('npm audit finds nothing')
  const of = (severities: string[]) => found.filter(([, { severity }]) => severities.includes(severity))
  const grave = of(['critical', 'high'])
  const told = grave.length > 0 ? grave : found
  const names = told.map(([name, { severity }]) => `${name} (${severity})`)
  const more = names.length > mostNames ? `, and ${names.length - mostNames} more` : ''
  const seen = `npm audit finds ${names.slice(0, mostNames).join(', ')}${more}`
  const remedy = remedyOf(told.map(([, { fixAvailable }]) => fixAvailable))
  return grave.length > 0 ? fail(seen, remedy) : warn(seen, remedy)
}

function remedyOf(fixes: Fix[]): string {
  const steps = fixes.filter(fix => typeof fix === 'object').map(({ name, version }) => `${name}@${version}`)
  const ways = [
    ...(fixes.includes(true) ? ['Run npm audit fix, and the tests after it.'] : []),
    ...(steps.length > 0
      ? [
          `npm audit fix stays within package.json: run npm install ${[...new Set(steps)].join(' ')}, and the tests after it.`,
        ]
      : []),
  ]
  if (ways.length > 0) return ways.join(' ')
  return 'No fix is there yet: see npm audit for a way around, or take the package out.'
}

function parse(text: string): z.infer<typeof auditReport> | undefined {
  try {
    return auditReport.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
