import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dockerEngine } from '../../lab/upstream.ts'
import { enterYard, type Images } from '../docker/yard.ts'
import { openFront } from './front.ts'
import { answerOf, ask, getJson, openStageTarget, writeRunbook, type Look, type Stage } from './stage.ts'

interface Summary {
  Id: string
  Names: string[]
  State: string
  Labels: Record<string, string>
}
interface Detail {
  Config: { Env: string[] }
  HostConfig: { RestartPolicy: { Name: string } }
}

/** A container name and a port of the lab's Docker engine. */
export async function enterDockerStage(name: string, port: number, images: Images): Promise<Stage> {
  const yard = enterYard(`kill-${name}`, port, images)
  const front = await openFront(`http://127.0.0.1:${port}`)
  const upstream = dockerEngine(yard.lab.docker.host)
  const folder = mkdtempSync(join(tmpdir(), 'kill-docker-'))
  const list = async (): Promise<Summary[]> => {
    const filters = JSON.stringify({ label: [`runbook.service=${yard.container}`] })
    return getJson(upstream, `/containers/json?all=true&filters=${encodeURIComponent(filters)}`)
  }
  const write = (look: Look) => {
    const env = { ...environmentOf(look), ...(look.ill ? { MODE: 'crash' } : {}) }
    writeRunbook(
      folder,
      yard.container,
      `    target: { kind: docker, container: ${yard.container}, ports: ["${port}:3000"], env: ${JSON.stringify(env)} }
    url: ${front.url}
`,
    )
  }

  const compareContainers = async (look: Look, release: string): Promise<string[]> => {
    const all = await list()
    const running = all.filter(({ State }) => State !== 'exited' && State !== 'created')
    const names = running.map(nameOf)
    const serving = running.find(each => nameOf(each) === yard.container)
    if (!serving || running.length !== 1) return [`what runs is ${names.join(', ') || 'nothing'}`]
    const { Config, HostConfig } = await getJson<Detail>(upstream, `/containers/${serving.Id}/json`)
    const wanted = Object.entries(environmentOf(look)).map(([key, value]) => `${key}=${value}`)
    // What every container is told of its release follows from the mark that is compared below.
    const is = Config.Env.filter(each => !/^(PATH|RUNBOOK_\w+)=/.test(each))
    const role = serving.Labels['runbook.release']
    return [
      ...(is.join() === wanted.join() ? [] : [`the container has ${is.join()}, not ${wanted.join()}`]),
      ...(role === release ? [] : [`the container says that it is ${role ?? 'nothing'}, not ${release}`]),
      ...(HostConfig.RestartPolicy.Name === 'unless-stopped'
        ? []
        : ['the container is not restarted by itself']),
      ...all.filter(isTrial).map(each => `a trial is left: ${nameOf(each)}`),
    ]
  }

  write({ number: 0, ill: false })
  return {
    target: 'docker',
    folder,
    upstream,
    front,
    image: images.quick,
    through: ({ address }) => ({ inputs: {}, env: { DOCKER_HOST: address } }),
    access: () => ({ DOCKER_HOST: yard.lab.docker.host }),
    write,
    ask: () => ask('127.0.0.1', port),
    async compare(look, release) {
      const answers = await Promise.all([1, 2, 3].map(() => ask('127.0.0.1', port)))
      return [
        ...answers
          .filter(text => text !== answerOf(look))
          .map(text => `answers "${text}", not "${answerOf(look)}"`),
        ...(await compareContainers(look, release)),
      ]
    },
    async fingerprint() {
      const others = (await list()).filter(({ Labels }) => Labels['runbook.role'] !== 'lease')
      const details = await Promise.all(
        others.map(async ({ Id, Names }) => {
          const { State } = await getJson<{ State: { StartedAt: string; Status: string } }>(
            upstream,
            `/containers/${Id}/json`,
          )
          return [Id, Names, State.Status, State.StartedAt]
        }),
      )
      return JSON.stringify(details.sort())
    },
    openTarget: () => openStageTarget(folder, '', yard.lab.docker.host),
    async leave() {
      upstream.close()
      await front.close()
      rmSync(folder, { recursive: true })
      await yard.leave()
    },
  }
}

function environmentOf(look: Look): Record<string, string> {
  const only = look.number % 2 === 0 ? { ONLY_EVEN: 'yes' } : { ONLY_ODD: 'yes' }
  return { VERSION: answerOf(look), ...only }
}

function nameOf({ Names }: Summary): string {
  return (Names[0] ?? '').replace('/', '')
}

function isTrial({ Labels }: Summary): boolean {
  return Labels['runbook.role'] === 'trial'
}
