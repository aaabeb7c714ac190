import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connections, openClients, type Clients, type Sent } from './load-clients.ts'
import { median, type Bench, type Measurement } from './measurement.ts'

const rounds = 6
/** Of those whose figures are far apart. */
const otherRounds = 3
const seconds = 2
/** About two seconds of each. */
const requests = { ours: 160_000, kept: 160_000, closed: 30_000 }
/** Of the endpoint whose answers take 12 ms on average. */
const slowRounds = 3
const memoryRounds = 2
const slowRequests = 3_000
const slowSeconds = 4

/**
 * The load of smoke-test, from the published command, beside autocannon, ab and wrk at one endpoint: a server of its own
 * process that is faster than its clients. Then its percentiles beside wrk's, where the server's own delays are what is
 * measured; and its memory at ten times the requests.
 */
export const load: Bench = {
  name: 'load',
  async run() {
    const folder = mkdtempSync(join(tmpdir(), 'runbook-bench-'))
    const server = spawn('node', [join(import.meta.dirname, 'load-server.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const end = () => server.kill()
    process.once('exit', end)
    try {
      const clients = await openClients(folder, `http://127.0.0.1:${await portOf(server)}`)
      return [...(await throughput(clients)), ...(await percentiles(clients)), await memory(clients)]
    } finally {
      process.removeListener('exit', end)
      end()
      rmSync(folder, { recursive: true })
    }
  },
}

async function throughput(clients: Clients): Promise<Measurement[]> {
  const ours: Sent[] = []
  const autocannon: Pick<Sent, 'rps' | 'cpuMicros'>[] = []
  const [closed, kept]: [number[], number[]] = [[], []]
  const [wrk, floor]: [Pick<Sent, 'rps' | 'cpuMicros'>[], Pick<Sent, 'rps' | 'cpuMicros'>[]] = [[], []]
  const us = async () => void ours.push(await clients.ours('/', requests.ours))
  const them = async () => void autocannon.push(await clients.autocannon('/', seconds))
  for (let round = 0; round < rounds; round++) {
    // Whatever else the machine does meets the first as often as the second.
    for (const run of round % 2 === 0 ? [us, them] : [them, us]) await run()
    if (round >= otherRounds) continue
    closed.push(await clients.ab('/', requests.closed, 'closed'))
    kept.push(await clients.ab('/', requests.kept, 'kept'))
    wrk.push(await clients.wrk('/', seconds))
    floor.push(await clients.floor(requests.ours))
  }
  const of = (all: Pick<Sent, 'rps' | 'cpuMicros'>[], what: 'rps' | 'cpuMicros') =>
    median(all.map(each => each[what]))
  const [own, peer, ab] = [of(ours, 'rps'), of(autocannon, 'rps'), median(closed)]
  const [ownCpu, peerCpu] = [of(ours, 'cpuMicros'), of(autocannon, 'cpuMicros')]
  const figure = (value: number) => `${(value / 1_000).toFixed(1)}k`
  const note = `requests a second, median of ${rounds} (of ab and wrk: ${otherRounds}), ${connections} connections, no pipelining; ours keeps its connections, as autocannon and wrk do; wrk made ${figure(of(wrk, 'rps'))}`
  return [
    {
      name: 'load, beside autocannon',
      value: round2(own / peer),
      unit: "times autocannon's requests a second",
      versus: `ours ${figure(own)}/s, autocannon ${figure(peer)}/s`,
      aim: 'at least 1',
      met: own >= peer,
      at: new Date().toISOString(),
      note,
    },
    {
      name: 'load, beside wrk',
      value: round2(own / of(wrk, 'rps')),
      unit: "times wrk's requests a second",
      versus: `ours ${figure(own)}/s, wrk ${figure(of(wrk, 'rps'))}/s`,
      aim: 'at least 1',
      met: own >= of(wrk, 'rps'),
      at: new Date().toISOString(),
      note: `median of ${otherRounds} (ours: ${rounds}); processor time of a request: ours ${ownCpu.toFixed(1)} µs, wrk (C) ${of(wrk, 'cpuMicros').toFixed(1)} µs, Node's sockets with nothing counted ${of(floor, 'cpuMicros').toFixed(1)} µs, which made ${figure(of(floor, 'rps'))}/s; the server of the bench has the other of two cores`,
    },
    {
      name: 'load, processor time of a request',
      value: round2(ownCpu / peerCpu),
      unit: "times autocannon's",
      versus: `ours ${ownCpu.toFixed(1)} µs, autocannon ${peerCpu.toFixed(1)} µs`,
      aim: 'at most 1',
      met: ownCpu <= peerCpu,
      at: new Date().toISOString(),
      note: `median of ${rounds}, of the same runs, with the kernel's and that of the start; on a machine that has other things to do it says more than the requests a second`,
    },
    {
      name: 'load, beside ab',
      value: round2(own / ab),
      unit: "times ab's requests a second",
      versus: `ours ${figure(own)}/s, ab ${figure(ab)}/s; ab -k ${figure(median(kept))}/s`,
      aim: 'at least 3',
      met: own >= 3 * ab,
      at: new Date().toISOString(),
      note: `${note}; ab as the guide calls it makes a connection for each request, ab -k keeps them`,
    },
  ]
}

/** At the bench's own speed a client measures itself: where answers take their time, all have to agree on it. */
async function percentiles(clients: Clients): Promise<Measurement[]> {
  const ours: Pick<Sent, 'p50' | 'p95' | 'p99'>[] = []
  const theirs: typeof ours = []
  for (let round = 0; round < slowRounds; round++) {
    ours.push(await clients.ours('/slow', slowRequests))
    theirs.push(await clients.wrk('/slow', slowSeconds))
  }
  return (['p50', 'p95', 'p99'] as const).map(name => {
    const [own, peer] = [ours, theirs].map(all => median(all.map(each => each[name]))) as [number, number]
    const apart = Math.abs(own / peer - 1)
    return {
      name: `load ${name}`,
      value: Math.round(1_000 * apart) / 10,
      unit: "% away from wrk's",
      versus: `ours ${own.toFixed(1)} ms, wrk ${peer.toFixed(1)} ms`,
      aim: 'at most 10%',
      met: apart <= 0.1,
      at: new Date().toISOString(),
      note: `median of ${slowRounds}, ${connections} connections; the server answers after 12 ms on average, exponentially; both are corrected for coordinated omission with the mean interval of a connection`,
    }
  })
}

async function memory(clients: Clients): Promise<Measurement> {
  const [few, many]: [number[], number[]] = [[], []]
  for (let round = 0; round < memoryRounds; round++) {
    few.push((await clients.ours('/', 50_000)).peakMiB)
    many.push((await clients.ours('/', 500_000)).peakMiB)
  }
  const [least, most] = [median(few), median(many)]
  return {
    name: 'load memory at ten times the requests',
    value: round2(most / least),
    unit: 'times',
    versus: `${most} MiB for 500,000 requests, ${least} MiB for 50,000`,
    aim: 'at most 1.1',
    met: most <= 1.1 * least,
    at: new Date().toISOString(),
    note: `VmHWM of the whole process, median of ${memoryRounds}`,
  }
}

async function portOf(server: ChildProcess): Promise<number> {
  if (!server.stdout) throw new Error('the server of the bench has no output')
  const [line] = (await once(server.stdout.setEncoding('utf8'), 'data')) as [string]
  return Number(line)
}

function round2(value: number): number {
  return Math.round(value * 100) / 100
}
