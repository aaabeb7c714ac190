import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { InputError, messageOf } from '../../shared/outcome/errors.ts'
import type { Evidence, Outcome } from '../../shared/outcome/outcome.ts'
import { withoutEnd, withoutStart } from '../../shared/outcome/strip.ts'
import { environmentNames, loadEnvironment } from '../../shared/config/load.ts'
import { firstRunbook, firstSuite } from './first-files.ts'
import { recoverWorkflow } from './recover-workflow.ts'
import { releaseWorkflow } from './release-workflow.ts'
import { findDockerfile, findRemote, imageOf, serverOf, type Remote } from './repository.ts'
import { rollbackWorkflow } from './rollback-workflow.ts'
import { planEnvironments, type Publication } from './workflow-plan.ts'

interface Package {
  name?: string
  main?: string
  scripts?: Record<string, string>
}

const config = 'deployment/runbook.yml'
const suite = 'deployment/smoke.yml'
const workflows = '.github/workflows'

/**
 * Gives the repository of a service what it needs to be released: a first runbook, a smoke suite, the workflows release,
 * rollback and recover, the guide's npm scripts where there is a package.json, and the lines of .gitignore that keep secrets
 * and logs out. What is there already stays as it is, and is named.
 * @param root the root folder of the service's repository
 * @throws InputError when package.json or the runbook cannot be read
 */
export function initialise(root: string, publication: Publication): Outcome {
  const startedAt = new Date().toISOString()
  const text = readPackage(root)
  const described = text === undefined ? undefined : parsePackage(text)
  const remote = findRemote(root)
  const service = serviceOf(described?.name ?? remote?.name ?? basename(root))
  const first = { service, start: described?.main ?? 'index.js', server: serverOf(remote) }
  const evidence = [
    writeNew(root, config, firstRunbook(first, publication)),
    writeNew(root, suite, firstSuite(service, publication)),
    ...writeWorkflows(root, service, remote, publication),
    ...(text === undefined || described === undefined ? [] : addScripts(root, text, described)),
    ignore(root),
  ]
  return {
    step: 'init',
    service,
    environment: '',
    status: 'success',
    reason: 'done',
    summary: `${service} can be released once its runbook says where it runs, and GitHub has the secrets that release.yml lists.`,
    next: `Change ${config} to where ${service} runs, then run: npx runbook pre-deploy <environment>. Guide: https://github.com/${publication.repository}/blob/main/docs/github-setup.md`,
    serving: '',
    cause: '',
    evidence,
    timings: [],
    durationMs: 0,
    startedAt,
    outputs: {},
  }
}

/** The workflows, made of what the runbook says, which may have been there before. */
function writeWorkflows(
  root: string,
  service: string,
  remote: Remote | undefined,
  publication: Publication,
): Evidence[] {
  const { image, isGuess } = imageOf(remote, service)
  const found = findDockerfile(root)
  const loaded = environmentNames({ root, config }).map(environment =>
    loadEnvironment({ root, config, environment, overrides: {} }),
  )
  const environments = planEnvironments(loaded, image)
  if (environments.length === 0)
    return [{ subject: workflows, finding: 'no workflow: the runbook has only development', tone: 'note' }]
  const plan = {
    publication,
    server: serverOf(remote),
    image,
    dockerfile: found ?? 'Dockerfile',
    environments,
  }
  const builds = environments.some(({ takesImage }) => takesImage)
  const release = writeNew(root, `${workflows}/release.yml`, releaseWorkflow(plan))
  const isNew = release.tone === 'good'
  return [
    release,
    writeNew(root, `${workflows}/rollback.yml`, rollbackWorkflow(plan)),
    writeNew(root, `${workflows}/recover.yml`, recoverWorkflow(plan)),
    ...(isNew && builds && isGuess
      ? [missing('image', `set IMAGE of release.yml: ${image} stands for it`)]
      : []),
    ...(isNew && builds && found === undefined
      ? [missing('Dockerfile', 'there is none; write one, or set its path in release.yml')]
      : []),
  ]
}

function missing(subject: string, finding: string): Evidence {
  return { subject, finding, tone: 'warn' }
}

/** @returns undefined where there is none: the service is no package of npm */
function readPackage(root: string): string | undefined {
  const file = join(root, 'package.json')
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

function parsePackage(text: string): Package {
  try {
    return JSON.parse(text) as Package
  } catch (cause) {
    throw new InputError(`package.json is not JSON: ${messageOf(cause)}`, {
      hint: 'Fix package.json, then run init again.',
      cause,
    })
  }
}

/** As the runbook takes it: `@org/Orders_api` is `orders-api`. */
function serviceOf(name: string): string {
  const plain = name.toLowerCase().replace(/^@[^/]*\//, '')
  const label = plain.replaceAll(/[^a-z0-9]+/g, '-').slice(0, 63)
  return withoutEnd(withoutStart(label, '-'), '-') || 'my-service'
}

function writeNew(root: string, path: string, content: string): Evidence {
  const file = join(root, path)
  if (existsSync(file))
    return { subject: path, finding: 'is there already, and stays as it is', tone: 'note' }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
  return { subject: path, finding: 'written', tone: 'good' }
}

function addScripts(root: string, text: string, described: Package): Evidence[] {
  const there = described.scripts ?? {}
  const wanted = Object.entries(scriptsFor(environmentNames({ root, config })))
  const missing = wanted.filter(([name]) => there[name] === undefined)
  const others = wanted.filter(([name, script]) => (there[name] ?? script) !== script)
  if (missing.length > 0) {
    const scripts = { ...there, ...Object.fromEntries(missing) }
    const indent = /^\{\r?\n([ \t]+)/.exec(text)?.[1] ?? '  '
    writeFileSync(join(root, 'package.json'), `${JSON.stringify({ ...described, scripts }, null, indent)}\n`)
  }
  const names = missing.map(([name]) => name).join(', ')
  return [
    { subject: 'npm scripts', finding: names === '' ? 'are there already' : `added: ${names}`, tone: 'good' },
    ...others.map(([name, script]): Evidence => ({
      subject: `npm script ${name}`,
      finding: `is another one, and stays; ours would be: ${script}`,
      tone: 'warn',
    })),
  ]
}

/** The guide's names for environments, shorter. */
const short: Record<string, string> = { development: 'dev', production: 'prod' }

/** The guide's commands, for the environments that there are; the last one is the one that matters most. */
function scriptsFor(environments: string[]): Record<string, string> {
  const last = environments.includes('production') ? 'production' : (environments.at(-1) ?? 'production')
  const each = (verb: string) =>
    environments.map(name => [`${verb}:${short[name] ?? name}`, `runbook ${verb} ${name}`])
  return {
    ...(Object.fromEntries([...each('deploy'), ...each('rollback')]) as Record<string, string>),
    'pre-deploy': `runbook pre-deploy ${last}`,
    'backup:db': `runbook backup-db ${last}`,
    'health-check': 'runbook health-check',
    'smoke-test': `runbook smoke-test ${environments.includes('staging') ? 'staging' : last}`,
    'monitoring:setup': `runbook monitoring:setup ${last}`,
    'env:encrypt': 'runbook env:encrypt',
    'env:decrypt': 'runbook env:decrypt',
  }
}

const ignored = [
  'deployment/config/.env.*',
  '!deployment/config/.env.*.example',
  '!deployment/config/.env.*.age',
  '!deployment/config/.env.*.gpg',
  'deployment/logs/',
  'deployment/releases/',
]

function ignore(root: string): Evidence {
  const file = join(root, '.gitignore')
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const missing = ignored.filter(line => !text.split(/\r?\n/).includes(line))
  if (missing.length === 0) return { subject: '.gitignore', finding: 'has all lines already', tone: 'note' }
  const gap = text === '' || text.endsWith('\n') ? '' : '\n'
  writeFileSync(file, `${text}${gap}${missing.join('\n')}\n`)
  return { subject: '.gitignore', finding: `added: ${missing.join(', ')}`, tone: 'good' }
}
