import type { Workshop } from './workshop.ts'

/** The minor versions within one of the lab's Kubernetes, 1.35: beyond that kubectl promises nothing. */
const near = new Set([34, 35, 36])

/** The kubectl on PATH when it fits the cluster, else one built from the cluster's own source. */
export async function findKubectl({ run, programs }: Workshop): Promise<string> {
  try {
    const text = await run('kubectl', ['version', '--client', '--output=json'])
    const { clientVersion } = JSON.parse(text) as { clientVersion: { minor: string } }
    const found = (await run('sh', ['-c', 'command -v kubectl'])).trim()
    if (near.has(parseInt(clientVersion.minor, 10))) return found
  } catch {
    // None on PATH, or one that cannot say its version: then our own.
  }
  return programs.build('kubectl')
}
