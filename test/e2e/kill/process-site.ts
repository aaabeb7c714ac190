import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasEnded } from '../../../shared/host/process-identity.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { systemExec } from '../../../shared/host/exec.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import { loadEnvironment } from '../../../shared/config/load.ts'
import { openTarget } from '../../../shared/targets/open.ts'
import { silent } from '../../log.ts'
import { enterMachine } from '../process/machine.ts'
import { answerOf, writeRunbook, type Look, type Site } from './stage.ts'

/**
 * An app of a pm2 that one kill test has for itself.
 * @param pm2Folder from `installPm2`
 */
export function enterProcessSite(pm2Folder: string, port: number): Site {
  const machine = enterMachine(pm2Folder, port)
  const { root: folder, env } = machine
  writeRunbook(
    folder,
    'probe',
    `    target: { kind: process, app: probe, directory: releases, source: service, start: main.js }
    url: http://127.0.0.1:${port}
`,
  )
  writeFileSync(join(folder, '.gitignore'), 'releases\n')
  const write = (look: Look) => {
    const answer = look.ill ? 'process.exit(3)' : `answer.end(${JSON.stringify(answerOf(look))})`
    machine.write({
      'service/package.json': '{ "type": "module" }',
      'service/main.js': `import { createServer } from 'node:http'
createServer((_asked, answer) => ${answer}).listen(${port})
`,
    })
  }
  const openSite = () =>
    openTarget(loadEnvironment({ root: folder, config: 'runbook.yml', environment: 'main', overrides: {} }), {
      ...{ clock: systemClock, exec: systemExec, secrets: createSecrets(), log: silent },
      ...{ env, kubeconfig: '', hasEnded, signal: new AbortController().signal },
    })
  return {
    target: 'process',
    folder,
    image: '',
    access: () => env,
    write,
    ask: () => machine.ask(),
    async compare(look, release) {
      const answers = await Promise.all([1, 2, 3].map(() => machine.ask()))
      const target = await openSite()
      const live = await target.live()
      await target.close()
      return [
        ...answers
          .filter(text => text !== answerOf(look))
          .map(text => `answers "${text}", not "${answerOf(look)}"`),
        ...(live.release === release && live.ready
          ? []
          : [`the app is of ${String(live.release)}, not ${release}, or is not ready`]),
      ]
    },
    openTarget: openSite,
    leave: () => machine.leave(),
  }
}
