import { fail, pass, warn, type Finding } from './check.ts'

/** One of several answers that make up a finding. */
export type Part = Pick<Finding, 'result' | 'finding' | 'remedy'>

const order = ['fail', 'warn', 'pass', 'skip'] as const

/**
 * Several answers as one: as bad as the worst of them, with what to do about the worst first.
 * @param seen what was looked at; put before the answers, and all there is to say when none is bad
 */
export function combine(seen: string, parts: Part[]): Finding {
  const bad = parts
    .filter(({ result }) => result === 'fail' || result === 'warn')
    .toSorted((a, b) => order.indexOf(a.result) - order.indexOf(b.result))
  const said = bad.map(({ finding }) => finding).join('; ')
  const remedy = [...new Set(bad.map(each => each.remedy))].join(' ')
  if (bad.length === 0) return pass([seen, ...parts.map(({ finding }) => finding)].filter(Boolean).join(', '))
  const whole = seen === '' ? said : `${seen}: ${said}`
  return bad[0]?.result === 'fail' ? fail(whole, remedy) : warn(whole, remedy)
}
