import { isExpected, messageOf } from '../../outcome/errors.ts'
import { excerpt } from '../../outcome/excerpt.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import { openHttp } from '../../integrations/http/http.ts'
import { HttpFault } from '../../integrations/http/http-fault.ts'
import type { Entry } from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import type { Target } from '../../targets/target.ts'
import { readMetrics } from '../verify/observe.ts'
import type { Ports } from '../step/ports.ts'

/** The restore waits for the evidence, so all of it together has a bound. */
const collectMs = 12_000
const answerMs = 3_000

/**
 * What can be seen of a release only as long as it runs, collected before a restore removes it: the logs of its instances,
 * what the target reported of them, their use of resources, its metrics, and the bodies of answers that fail.
 * @returns each item with the release in its subject; what cannot be read is said in an item of its own, and nothing here
 * keeps a restore from taking place
 */
export async function collectFailedRelease(
  environment: Environment,
  target: Target,
  ports: Ports,
  failed: Entry,
): Promise<Evidence[]> {
  // Until its rollout is complete, what answers may be an instance of the release before it.
  const answersItself = ['ready', 'good'].includes(failed.state)
  const readers: [string, () => Promise<Evidence[]>][] = [
    ['logs', () => target.evidence(failed.id)],
    ...(answersItself
      ? ([
          ['resources', () => readUsage(target)],
          ['metrics', () => readMetrics(environment.url, ports)],
          ['answers', () => readFailedAnswers(environment, ports)],
        ] satisfies [string, () => Promise<Evidence[]>][])
      : []),
  ]
  const over = new AbortController()
  const { clock, signal } = ports
  const late = clock.sleep(collectMs, AbortSignal.any([over.signal, signal]))
  late.catch(() => undefined)
  try {
    const found = await Promise.all(readers.map(([subject, read]) => bounded(subject, ports, late, read)))
    return found
      .flat()
      .map(each => ({ ...each, subject: `${failed.version} (${failed.id}): ${each.subject}` }))
  } finally {
    over.abort()
  }
}

async function bounded(
  subject: string,
  { signal }: Ports,
  late: Promise<void>,
  read: () => Promise<Evidence[]>,
): Promise<Evidence[]> {
  const unread = (why: string): Evidence[] => [{ subject, finding: `cannot be read: ${why}`, tone: 'note' }]
  const reading = read()
  reading.catch(() => undefined)
  try {
    return await Promise.race([reading, late.then(() => unread('no answer in time'))])
  } catch (error) {
    signal.throwIfAborted()
    if (!isExpected(error)) throw error
    return unread(messageOf(error))
  }
}

async function readUsage(target: Target): Promise<Evidence[]> {
  const text = await target.usage()
  if (text === '') return []
  return [{ subject: 'resources', finding: 'in use by each instance:', tone: 'note', detail: text }]
}

/** Asks each path of the gate once; an answer that is no success has its body kept. */
async function readFailedAnswers({ url, gate }: Environment, { signal }: Ports): Promise<Evidence[]> {
  if (url === '') return []
  const http = openHttp('fresh')
  try {
    const found = await Promise.all(
      gate.paths.map(async (path): Promise<Evidence[]> => {
        try {
          const { status, body } = await http.request({ url: url + path, timeoutMs: answerMs, signal })
          if (status < 400) return []
          return [{ subject: `GET ${path}`, finding: String(status), tone: 'bad', detail: excerpt(body) }]
        } catch (error) {
          if (!(error instanceof HttpFault)) throw error
          return [{ subject: `GET ${path}`, finding: error.finding, tone: 'bad' }]
        }
      }),
    )
    return found.flat()
  } finally {
    http.close()
  }
}
