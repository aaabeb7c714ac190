import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** What became of the requests of one phase. */
export interface Count {
  requests: number
  /** Without an answer, or with one that is not 200. */
  failed: number
  /** Failed because the service was told to (FAULT_ERROR_RATE), which is no fault of the deploy. */
  injected: number
  /** The first failures, in words. */
  failures: string[]
  /** From the first failure to the last, injected ones too; 0 when there is none. */
  troubledMs: number
}

/** A user of the service who never pauses. */
export interface ServiceClient {
  /** Starts counting anew; requests count where they began. */
  phase(): Count
  stop(): Promise<void>
}

/** Requests a second: enough to meet every moment of a rollout, too few to be a load. */
const rate = 20
const timeoutMs = 5_000
const paths = ['/api/v1/ping', '/api/v1/status']

/** Waits until the service answers for the first time: a first release is ready before the network knows its way to it. */
export async function awaitService(url: string, signal: AbortSignal): Promise<void> {
  while ((await request(`${url}${paths[0] ?? '/'}`, false)) !== undefined)
    await sleep(100, undefined, { signal })
}

/** Calls the service at a steady rate; every other request opens a connection of its own, the rest keep theirs. */
export function startClient(url: string): ServiceClient {
  const agents = [new Agent({ keepAlive: true }), new Agent({ keepAlive: false })] as const
  const underWay = new Set<Promise<void>>()
  let count = emptyCount()
  let firstFailure = 0
  let turn = 0

  const call = async () => {
    const into = count
    const agent = agents[turn % 2] ?? agents[0]
    const path = paths[Math.floor(turn / 2) % paths.length] ?? '/'
    turn++
    into.requests++
    const failure = await request(`${url}${path}`, agent)
    if (failure === undefined) return
    if (failure.injected) into.injected++
    else {
      into.failed++
      if (into.failures.length < 5) into.failures.push(`${new Date().toISOString()} ${path}: ${failure.text}`)
    }
    if (into.failed + into.injected === 1) firstFailure = performance.now()
    into.troubledMs = performance.now() - firstFailure
  }
  const timer = setInterval(() => {
    const one = call().finally(() => underWay.delete(one))
    underWay.add(one)
  }, 1_000 / rate)

  return {
    phase: () => (count = emptyCount()),
    async stop() {
      clearInterval(timer)
      await Promise.all(underWay)
      for (const agent of agents) agent.destroy()
    },
  }
}

function emptyCount(): Count {
  return { requests: 0, failed: 0, injected: 0, failures: [], troubledMs: 0 }
}

interface Failure {
  text: string
  injected: boolean
}

/**
 * One GET. On a kept connection that the server closes at that very moment it is sent once more on a new one, as
 * RFC 9110 (9.2.2) has clients do; nothing else is tried again.
 */
async function request(url: string, agent: Agent | false): Promise<Failure | undefined> {
  try {
    return await attempt(url, agent)
  } catch (error) {
    if (!(error instanceof ClosedError)) return { text: String(error), injected: false }
  }
  return attempt(url, false).catch((error: unknown) => ({ text: String(error), injected: false }))
}

/** The connection was kept from an earlier request and closed before this one was answered. */
class ClosedError extends Error {}

function attempt(url: string, agent: Agent | false): Promise<Failure | undefined> {
  return new Promise((resolve, reject) => {
    const sent = get(url, { agent, signal: AbortSignal.timeout(timeoutMs) }, response => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => (body += text))
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve(undefined)
        else resolve({ text: `status ${response.statusCode}`, injected: body.includes('"injected-fault"') })
      })
    })
    sent.on('error', (error: NodeJS.ErrnoException) => {
      reject(sent.reusedSocket && error.code === 'ECONNRESET' ? new ClosedError() : error)
    })
  })
}
