import { randomUUID } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Lab } from '../lab/lab.ts'

// A machine of its own for each job, as far as one machine can give it: another name, another boot, an empty home, a Docker engine in
// which no other job has been. Processes, the network and /tmp are this machine's.

const root = join(import.meta.dirname, '../..')

/** PATH for a job: the lab's programs and this machine's, without those of this project. */
export function pathFor(lab: Lab, machine: Machine, path: string): string {
  const installed = path.split(':').filter(folder => folder !== '' && !folder.startsWith(root))
  return [machine.bin, lab.binDir, lab.postgres.binDir, ...installed].join(':')
}

/** Where a job works, and how its programs are started. */
export interface Machine {
  home: string
  temp: string
  /** Before the lab's programs on PATH. */
  bin: string
  /** While it exists, a step that has ended is not reported to the runner. */
  holdsSteps: string
  /** A command and its first arguments; the program that is to run on the machine comes after them. */
  enter: string[]
}

/** @param engine path of the socket that the job finds as /var/run/docker.sock */
export function makeMachine(lab: Lab, folder: string, name: string, engine: string): Machine {
  const at = (part: string) => join(folder, part)
  for (const part of ['home', 'tmp', 'bin', 'empty']) mkdirSync(at(part), { recursive: true })
  writeFileSync(at('boot-id'), `${randomUUID()}\n`)
  const holdsSteps = at('steps-are-held')
  for (const program of ['node', 'bash', 'sh']) {
    const file = join(at('bin'), program)
    writeFileSync(file, launcher(realOf(program), holdsSteps, lab.docker.host))
    chmodSync(file, 0o755)
  }
  const covers = [
    [engine, realpathSync(lab.docker.host.replace('unix://', ''))],
    [at('boot-id'), '/proc/sys/kernel/random/boot_id'],
    // ssh looks into the home of the account, whatever HOME says.
    ...(existsSync(join(homedir(), '.ssh')) ? [[at('empty'), join(homedir(), '.ssh')]] : []),
  ]
  return {
    home: at('home'),
    temp: at('tmp'),
    bin: at('bin'),
    holdsSteps,
    enter: ['unshare', '--mount', '--uts', '--propagation', 'private', '/bin/sh', '-c', enter, name].concat(
      String(covers.length),
      ...covers,
    ),
  }
}

/** Covers paths with others, takes the name $0, and becomes the program. */
const enter = `set -e
hostname "$0"
count=$1
shift
while [ "$count" -gt 0 ]; do
  mount --bind -- "$1" "$2"
  shift 2
  count=$((count - 1))
done
exec "$@"`

/**
 * What the runner starts in place of a program. It dies with its parent, as the runner's own steps do; when a job is cancelled, its
 * end is kept from the runner until that has learnt of the cancellation.
 */
function launcher(program: string, holdsSteps: string, engine: string): string {
  return `#!/bin/sh
read -r parent < "/proc/$PPID/comm"
case $parent in
  act*) ;;
  *) exec '${program}' "$@" ;;
esac
unset ACT
# act sets it; a step of a workflow that says the same finds that engine without it.
[ "$DOCKER_HOST" != '${engine}' ] || unset DOCKER_HOST
setpriv --pdeathsig KILL '${program}' "$@"
code=$?
while [ -e '${holdsSteps}' ]; do sleep 0.05; done
exit $code
`
}

function realOf(program: string): string {
  return program === 'node' ? process.execPath : `/bin/${program}`
}
