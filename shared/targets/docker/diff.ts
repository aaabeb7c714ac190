import { variablesOf, type CreateBody } from './containers.ts'

/** What a release changes, line by line, with the names of variables only: their values are secrets. */
export function diffOf(before: CreateBody | undefined, after: CreateBody): string {
  if (!before) return `+ image: ${after.Image}`
  const lines = before.Image === after.Image ? [] : [`- image: ${before.Image}`, `+ image: ${after.Image}`]
  const [old, now] = [variables(before), variables(after)]
  for (const key of [...new Set([...old.keys(), ...now.keys()])].sort()) {
    if (!now.has(key)) lines.push(`- env ${key}`)
    else if (!old.has(key)) lines.push(`+ env ${key}`)
    else if (old.get(key) !== now.get(key)) lines.push(`~ env ${key}`)
  }
  for (const key of ['PortBindings', 'RestartPolicy', 'NetworkMode', 'Memory']) {
    const [from, to] = [before, after].map(({ HostConfig }) => JSON.stringify(HostConfig?.[key] ?? ''))
    if (from !== to) lines.push(`- ${key}: ${from ?? ''}`, `+ ${key}: ${to ?? ''}`)
  }
  return lines.join('\n')
}

function variables(body: CreateBody): Map<string, string> {
  return new Map(Object.entries(variablesOf(body)))
}
