import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, listens } from './ports.ts'
import { until } from './yard.ts'

/** A real SSH server of one's own on this machine. */
export interface SshServer {
  /** As DOCKER_HOST has it. */
  host: string
  /** What the ssh of a runner needs to log in there: a private key, and lines for known_hosts. */
  key: string
  knownHosts: string
  /** Both, as a configuration file of ssh. */
  config: string
  close(): Promise<void>
}

/**
 * Starts one that lets this user in by a key.
 * @param engine address of the engine that `docker` speaks to on the other side
 */
export async function startSshServer(folder: string, engine: string): Promise<SshServer> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  mkdirSync('/run/sshd', { recursive: true })
  const at = (file: string) => join(folder, file)
  for (const key of ['host_key', 'id_key'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(key)])
  execFileSync('cp', [at('id_key.pub'), at('authorized_keys')])
  const port = await freePort()
  const knownHosts = `[127.0.0.1]:${port} ${readFileSync(at('host_key.pub'), 'utf8')}`
  writeFileSync(at('known_hosts'), knownHosts)
  writeFileSync(
    at('sshd_config'),
    `Port ${port}
ListenAddress 127.0.0.1
HostKey ${at('host_key')}
AuthorizedKeysFile ${at('authorized_keys')}
PidFile ${at('pid')}
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
SetEnv DOCKER_HOST=${engine} PATH=/usr/local/bin:/usr/bin:/bin
`,
  )
  writeFileSync(
    at('ssh_config'),
    `Host *
  IdentityFile ${at('id_key')}
  IdentitiesOnly yes
  UserKnownHostsFile ${at('known_hosts')}
  StrictHostKeyChecking yes
  BatchMode yes
`,
  )
  const server: ChildProcess = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', at('sshd_config')], {
    stdio: 'pipe',
  })
  let said = ''
  server.stderr?.on('data', chunk => (said += String(chunk)))
  await until('sshd to answer', async () => {
    if (server.exitCode !== null) throw new Error(`sshd ended: ${said}`)
    return listens(port)
  })
  const user = execFileSync('id', ['-un'], { encoding: 'utf8' }).trim()
  return {
    host: `ssh://${user}@127.0.0.1:${port}`,
    key: readFileSync(at('id_key'), 'utf8'),
    knownHosts,
    config: at('ssh_config'),
    close: async () => {
      const ended = new Promise(resolve => server.once('exit', resolve))
      server.kill()
      await ended
    },
  }
}
