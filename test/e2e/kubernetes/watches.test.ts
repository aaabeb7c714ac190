import { createServer, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openDoor, type Door } from '../../lab/cutting-proxy.ts'
import { apiServer, kubeconfigThrough, type Upstream } from '../../lab/upstream.ts'
import { enterRoom, type Room } from './cluster.ts'
import { deployment } from './manifests.ts'
import { run, takeFree, follow } from '../environment-lock.ts'

/** What becomes of a watch: an answer instead of it, silence, or an end in the middle of a line. */
type Trouble = (answer: ServerResponse) => void

const status =
  (code: number): Trouble =>
  answer =>
    void answer.writeHead(code, { 'retry-after': '1' }).end(JSON.stringify({ kind: 'Status', code }))
const silent: Trouble = answer => answer.writeHead(200).flushHeaders()
const torn: Trouble = answer => {
  answer.writeHead(200)
  answer.write('{"type":"MODIFIED","object":{"metadata":{"name":"pro', () => answer.destroy())
}
const gone: Trouble = answer =>
  void answer.writeHead(200).end(`${JSON.stringify({ type: 'ERROR', object: { code: 410 } })}\n`)

let room: Room
let api: Upstream
let door: Door
beforeAll(async () => {
  room = enterRoom('watches')
  api = apiServer(room.lab.kubeconfig)
  door = await openDoor(api)
})
afterAll(async () => {
  await room.leave()
  await door.close()
  api.close()
})

/** An API server whose watches have each of these troubles, one after the other, before they work. */
async function openTroubled(troubles: Trouble[]) {
  const left = new Map<string, Trouble[]>()
  const server = createServer((incoming, answer) => {
    const { method = '', url = '', headers } = incoming
    const kind = url.split('?')[0] ?? ''
    const watch = url.includes('watch=true')
    if (watch && !left.has(kind)) left.set(kind, [...troubles])
    const next = watch ? left.get(kind)?.shift() : undefined
    if (next) {
      next(answer)
      return
    }
    const forwarded = request(`${door.address}${url}`, { method, headers }, come => {
      answer.writeHead(come.statusCode ?? 0, come.headers)
      come.pipe(answer)
    })
    forwarded.on('error', () => answer.destroy())
    answer.on('close', () => forwarded.destroy())
    incoming.pipe(forwarded)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    left,
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

test('the verdict survives watches that are torn, refused, too old and half open', async () => {
  const troubled = await openTroubled([torn, status(429), gone, status(410), silent])
  try {
    const manifests = { 'app.yaml': deployment({ script: 'sleep 2; exit 3' }) }
    const { target } = await room.open(manifests, { kubeconfig: kubeconfigThrough(troubled.address) })
    const lock = await takeFree(target, run('1'))
    const payload = await target.render({ version: 'v1.0.0', image: room.image, config: {} })
    await lock.apply('r1', payload)
    const { rollout } = await follow(lock, 'r1', payload, 60_000)
    expect(rollout).toMatchObject({ kind: 'doomed', cause: { class: 'crash-loop' } })
    const [, pods] = [...troubled.left].find(([path]) => path.endsWith('/pods')) ?? []
    expect(pods).toEqual([])
    await lock.end()
  } finally {
    await troubled.close()
  }
})
