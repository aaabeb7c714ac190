import { cutStart } from '../../outcome/cut.ts'
import { isExpected } from '../../outcome/errors.ts'
import { fail, pass, skip, warn, type Check, type CheckContext, type Finding } from '../check.ts'
import { findImage } from '../release/image-exists.ts'
import { scanners, type Hole, type Scanner } from './scanners.ts'

const mostNames = 8
/** Characters: a report lists every package of the image with every place that it was found in. */
const longestReport = 256 * 1024 * 1024

/** The guide's `docker scan`, with the best scanner that is installed. */
export const vulnerabilities: Check = {
  id: 'vulnerabilities',
  title: 'The image has no critical hole that is known',
  deadlineMs: 300_000,
  inapplicable: ({ target }) => (target.kind === 'process' ? 'a process target has no image' : ''),
  async run(context) {
    if (context.image === '') return skip('no image was named: set image to check it')
    const scanner = await findScanner(context)
    if (!scanner)
      return skip(
        `no scanner is installed: ${scanners.map(({ name }) => name).join(', ')}; the first that is there is used`,
      )
    const image = await findImage(context, '', context.image)
    const { exec, env, signal } = context
    const [program = '', ...args] = scanner.command(image)
    const { code, stdout, stderr } = await exec.run(program, args, {
      env: { ...env, NO_COLOR: '1' },
      signal,
      keep: longestReport,
    })
    const holes = scanner.read(stdout)
    if (holes === undefined) {
      const tail = `${cutStart(stdout, 2_000)}\n${cutStart(stderr, 2_000)}`.trim()
      return warn(
        `${scanner.name} could not scan it (exit code ${code})`,
        `Run ${[program, ...args].join(' ')} and see what it lacks: its database, or a login to the registry.`,
        tail,
      )
    }
    return judgeHoles(scanner.name, holes)
  },
}

/** Critical ones stop a release; of high ones every image has some, so they are worth a word. */
export function judgeHoles(scanner: string, holes: Hole[]): Finding {
  const of = (severity: Hole['severity']) => holes.filter(each => each.severity === severity)
  const [critical, high] = [of('critical'), of('high')]
  const grave = critical.length > 0 ? critical : high
  const counts = `${critical.length} critical, ${high.length} high, of ${holes.length} known holes`
  if (grave.length === 0) return pass(`${scanner}: ${counts}`)
  const names = grave.slice(0, mostNames).map(({ id, where }) => `${id} in ${where}`)
  const more = grave.length > mostNames ? `, and ${grave.length - mostNames} more` : ''
  const seen = `${scanner}: ${counts}: ${names.join(', ')}${more}`
  const fixable = grave.filter(({ fixedIn }) => fixedIn !== '')
  const detail = holes.map(
    ({ id, severity, where, fixedIn }) =>
      `${severity} ${id} ${where}${fixedIn === '' ? '' : `, fixed in ${fixedIn}`}`,
  )
  const remedy =
    fixable.length > 0
      ? `Build the image anew, with newer packages and the newest base: ${fixable.length} of ${grave.length} are fixed there.`
      : 'No fix for these is published yet: see whether the service is affected, and add vulnerabilities to accept with the reason.'
  return critical.length > 0 ? fail(seen, remedy, detail.join('\n')) : warn(seen, remedy, detail.join('\n'))
}

/** Tried in the order of preference; the first that runs is taken. */
async function findScanner({ exec, env, signal }: CheckContext): Promise<Scanner | undefined> {
  for (const scanner of scanners) {
    try {
      const [program = '', ...args] = scanner.version
      if ((await exec.run(program, args, { env, signal })).code === 0) return scanner
    } catch (error) {
      signal.throwIfAborted()
      if (!isExpected(error)) throw error
    }
  }
  return undefined
}
