import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'

// The few scripts that the workflows carry, run as the runner runs them, with what a stranger might write.

interface Workflow {
  jobs: Record<string, { steps?: { name?: string; run?: string }[] }>
}

const workflows = join(import.meta.dirname, '../../workflows')
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'workflow-script-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Runs one step's script in an empty folder, with nothing in its environment but what is given. */
function run(file: string, name: string, env: Record<string, string>) {
  const { jobs } = parse(readFileSync(join(workflows, file), 'utf8')) as Workflow
  const script = Object.values(jobs)
    .flatMap(job => job.steps ?? [])
    .find(step => step.name === name)?.run
  if (script === undefined) throw new Error(`${file} has no script ${name}`)
  const output = join(folder, '.output')
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script],
    {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', GITHUB_OUTPUT: output, ...env },
    },
  )
  return { status, text: stdout + stderr, outputs: existsSync(output) ? readFileSync(output, 'utf8') : '' }
}

describe('the version of a release', () => {
  const read = (tag: string, kind = 'tag') =>
    run('release.yml', 'Read the version from the tag', { TAG: tag, KIND: kind })

  test.each([
    ['v1.2.3', 'false'],
    ['v0.0.0', 'false'],
    ['v10.20.30', 'false'],
    ['v1.3.0-rc.1', 'true'],
    ['v1.3.0-0a.x-y', 'true'],
  ])('%s is one; pre-release: %s', (tag, prerelease) => {
    expect(read(tag)).toEqual({
      status: 0,
      text: '',
      outputs: `version=${tag}\nprerelease=${prerelease}\n`,
    })
  })

  test.each([
    '1.2.3',
    'v1.2',
    'v1',
    'v01.2.3',
    'v1.2.3-01',
    'v1.2.3-',
    'v1.2.3+build.1',
    'v1.2.3 ',
    'v1.2.3\nprerelease=false',
    'v1.2.3-$(touch hit)',
    'v1.2.3;touch hit',
    '-v1.2.3',
    'version',
    '',
  ])('%j is none', tag => {
    const { status, text, outputs } = read(tag)
    expect({ status, outputs }).toEqual({ status: 1, outputs: '' })
    expect(text).toMatch(/^::error title=version::[^\n]*v1\.2\.3[^\n]*\n$/)
    expect(existsSync(join(folder, 'hit'))).toBe(false)
  })

  test('a branch is none, whatever its name', () => {
    expect(read('v1.2.3', 'branch').status).toBe(1)
  })
})

describe('the env-file', () => {
  const write = (content: string, file = 'deployment/config/.env.staging') =>
    run('promote.yml', 'Write the env-file', { CONTENT: content, FILE: file })

  test.each([
    'A=1\nB=two words\n\n# c',
    'A=$(touch hit)\nB=`touch hit`',
    'A=\'quoted\'\nB="${HOME}"',
    '-n',
    'A=%s\\n',
    '::set-env name=A::b',
  ])('holds %j as it is, for nobody else to read', content => {
    const { status, text } = write(content)
    expect({ status, text }).toEqual({ status: 0, text: '' })
    const file = join(folder, 'deployment/config/.env.staging')
    expect(readFileSync(file, 'utf8')).toBe(`${content}\n`)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(existsSync(join(folder, 'hit'))).toBe(false)
  })

  test('may have a path that looks like an option', () => {
    expect(write('A=1', '-rf').status).toBe(0)
    expect(readFileSync(join(folder, '-rf'), 'utf8')).toBe('A=1\n')
    expect(run('promote.yml', 'Remove the env-file', { WRITTEN: 'yes', FILE: '-rf' }).status).toBe(0)
    expect(existsSync(join(folder, '-rf'))).toBe(false)
  })

  test('is not written without its secret, and one that was there stays', () => {
    write('A=1')
    expect(write('').text).toContain('ENV_FILE is not set')
    run('promote.yml', 'Remove the env-file', { WRITTEN: '', FILE: 'deployment/config/.env.staging' })
    expect(readFileSync(join(folder, 'deployment/config/.env.staging'), 'utf8')).toBe('A=1\n')
  })
})

describe('what recover.yml tells', () => {
  const tell = (reason: string) =>
    run('recover.yml', 'Tell what was settled', { ENVIRONMENT: 'production', REASON: reason })

  test.each(['nothing-to-settle', 'lease-held'])('%s: nothing', reason => {
    expect(tell(reason)).toMatchObject({ status: 0, text: '' })
  })

  test('a hold is a warning', () => {
    const { status, text } = tell('held')
    expect({ status, text }).toEqual({ status: 0, text: expect.stringContaining('::warning') })
  })

  test.each(['restored', 'settled-good'])('%s: an alarm', reason => {
    const { status, text } = tell(reason)
    expect(status).toBe(1)
    expect(text).toMatch(/^::error title=recover::.*production.*\n$/)
  })
})

describe('which of the scheduled backups is kept long', () => {
  /** The runner's clock says so: `date` is one of ours. */
  const keptAt = (time: string, event = 'schedule') => {
    const [hour = '', minute = ''] = time.split(':')
    const said = `#!/bin/sh\ncase "$*" in *%H*) echo ${hour} ;; *%M*) echo ${minute} ;; esac\n`
    writeFileSync(join(folder, 'date'), said, { mode: 0o755 })
    const env = { EVENT: event, PATH: `${folder}:${process.env['PATH'] ?? ''}` }
    return run('backup.yml', 'See which one is kept long', env).outputs
  }

  test.each([
    ['02:00', 'true'],
    ['02:29', 'true'],
    ['02:30', 'false'],
    ['01:59', 'false'],
    ['08:09', 'false'],
  ])('at %s: %s', (time, kept) => {
    expect(keptAt(time)).toBe(`keep-long=${kept}\n`)
  })

  test('one that a person starts is', () => {
    expect(keptAt('12:45', 'workflow_dispatch')).toBe('keep-long=true\n')
  })
})
