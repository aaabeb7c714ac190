import { ToolError } from '../outcome/errors.ts'

/** Where this machine reaches what a tunnel leads to. */
export interface Address {
  host: string
  port: number
}

/** A way to a port that only the cluster reaches: whatever connects here comes out there. */
export interface Tunnel extends Address {
  /** What of its connections broke last, and what to do about it; undefined when none has. Never rejects. */
  trouble(): Promise<Trouble | undefined>
  close(): Promise<void>
}

export interface Trouble {
  what: string
  hint: string
}

/**
 * Does some work at the end of a tunnel. Programs at its end only see a connection that closed; when they fail, what
 * the tunnel knows of it is said instead.
 * @param place what the runbook calls it, `service/postgres:5432`; empty: there is no tunnel, and `via` is undefined
 */
export async function throughTunnel<T>(
  openTunnel: (place: string) => Promise<Tunnel>,
  place: string,
  work: (via: Address | undefined) => Promise<T>,
): Promise<T> {
  if (place === '') return work(undefined)
  const tunnel = await openTunnel(place)
  try {
    return await work({ host: tunnel.host, port: tunnel.port })
  } catch (error) {
    const trouble = await tunnel.trouble()
    if (!trouble || !(error instanceof ToolError)) throw error
    const { message, tool, stderr, code, reason } = error
    throw new ToolError(`${message}; the tunnel to ${place} broke: ${trouble.what}`, {
      tool,
      stderr,
      hint: trouble.hint,
      cause: error,
      ...(code === undefined ? {} : { code }),
      ...(reason === undefined ? {} : { reason }),
    })
  } finally {
    await tunnel.close()
  }
}
