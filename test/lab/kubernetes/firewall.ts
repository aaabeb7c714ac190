import { networks } from '../places.ts'
import type { Workshop } from '../workshop.ts'

const chain = 'RUNBOOK-LAB'

/**
 * Lets packets to and from pods through, which Docker's engine refuses by its policy for FORWARD, and gives pods this
 * machine's address when they call beyond it.
 */
export async function openFirewall({ run }: Workshop): Promise<void> {
  if ((await run('iptables-save', [])).includes(`:${chain} `)) return
  const { pods } = networks
  const rules = `*filter
:${chain} - [0:0]
-A ${chain} -s ${pods} -j ACCEPT
-A ${chain} -d ${pods} -j ACCEPT
-I FORWARD 1 -j ${chain}
COMMIT
*nat
:${chain} - [0:0]
-A ${chain} -s ${pods} ! -d 10.254.0.0/16 -j MASQUERADE
-I POSTROUTING 1 -j ${chain}
COMMIT
`
  await run('iptables-restore', ['--noflush', '--wait'], { stdin: rules })
}

/**
 * What takes our chains and kube-proxy's out of a dump by `iptables-save`, and leaves all others: the rules of
 * other chains that jump to them, then the chains themselves.
 */
export function removal(dump: string): string {
  const ours = `(?:KUBE-|${chain})`
  const lines: string[] = []
  let chains: string[] = []
  for (const line of dump.split('\n')) {
    if (line.startsWith('*')) lines.push(line)
    const declared = new RegExp(`^:(${ours}\\S*) `).exec(line)
    if (declared?.[1] !== undefined) {
      chains.push(declared[1])
      lines.push(`:${declared[1]} - [0:0]`)
    }
    if (new RegExp(`^-A (?!${ours}).* -j ${ours}`).test(line)) lines.push(line.replace('-A', '-D'))
    if (line === 'COMMIT') {
      lines.push(...chains.map(name => `-X ${name}`), line)
      chains = []
    }
  }
  return lines.join('\n') + '\n'
}

/** Removes every chain of the lab's node. */
export async function closeFirewall({ run }: Workshop): Promise<void> {
  for (const family of ['iptables', 'ip6tables']) {
    const dump = await run(`${family}-save`, [], { tolerate: [1] }).catch(() => '')
    if (/^:(KUBE-|RUNBOOK-LAB)/m.test(dump)) {
      await run(`${family}-restore`, ['--noflush', '--wait'], { stdin: removal(dump) })
    }
  }
}
