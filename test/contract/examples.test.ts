import { expect, test } from '@jest/globals'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments, stringify } from 'yaml'
import { commands } from '../../cli/commands.ts'
import { readWords } from '../../cli/words.ts'
import { parseRunbook } from '../../shared/config/load.ts'
import { parseSuite } from '../../shared/smoke/suite.ts'
import { markdownIn } from './links.ts'
import { faultsOfWorkflow } from './workflow-faults.ts'

// What the documents and the headers of the workflows print is what a reader copies: each block of YAML is taken by what it is for,
// GitHub's parser, the schema of the runbook, that of a smoke suite, or Kubernetes' form, and each command is one that exists.

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const documents = markdownIn(root).filter(path => !path.startsWith('test/'))
const workflows = readdirSync(join(root, 'workflows')).map(name => `workflows/${name}`)

interface Example {
  where: string
  text: string
}

const yaml = [...documents.flatMap(path => fenced(path, 'ya?ml')), ...workflows.flatMap(ofHeader)]
const shell = documents.flatMap(path => fenced(path, 'sh|bash')).flatMap(commandsIn)

function fenced(path: string, language: string): Example[] {
  const text = read(path)
  return [...text.matchAll(new RegExp(`^\`\`\`(?:${language})\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(match => ({
    where: `${path}:${text.slice(0, match.index).split('\n').length}`,
    text: match[1] ?? '',
  }))
}

/** What the comment at the head of a workflow shows by moving it to the right, and calls something. */
function ofHeader(path: string): Example[] {
  const lines = read(path).split('\n')
  const end = lines.findIndex(line => !line.startsWith('#'))
  const header = lines.slice(0, end).map(line => line.replace(/^# ?/, ''))
  const blocks = header.join('\n').match(/(?:^ {2,}.*\n?)+/gm) ?? []
  return blocks.filter(text => text.includes('uses:')).map(text => ({ where: path, text: dedent(text) }))
}

function dedent(text: string): string {
  const columns = /^ */.exec(text)?.[0].length ?? 0
  return text.replaceAll(new RegExp(`^ {${columns}}`, 'gm'), '')
}

test.each(yaml)('$where is what it is for', async ({ text }) => {
  expect(await faultsOf(text)).toEqual([])
})

test('there are examples of each kind', () => {
  expect(yaml.length).toBeGreaterThan(30)
  expect(yaml.filter(({ where }) => where.startsWith('workflows/')).length).toBeGreaterThan(4)
  expect(shell.length).toBeGreaterThan(20)
})

async function faultsOf(text: string): Promise<string[]> {
  const [first] = parseAllDocuments(text)
  const content = first?.toJS() as Record<string, unknown> | Record<string, unknown>[]
  if (Array.isArray(content))
    return faultsOfWorkflow('steps.yml', stringify({ on: 'push', jobs: { job: ofSteps(content) } }))
  if ('jobs' in content)
    return faultsOfWorkflow('example.yml', stringify({ on: 'workflow_dispatch', ...content }))
  if ('apiVersion' in content) return parseAllDocuments(text).flatMap(each => faultsOfManifest(each.toJS()))
  if ('requests' in content) return thrown(() => parseSuite('example.yml', text))
  if ('environments' in content) return thrown(() => parseRunbook('example.yml', text))
  if ('on' in content || 'with' in content) return ['is a part of a workflow, and shows no whole one']
  const target = { kind: 'docker', container: 'api', ports: ['80:3000'] }
  return thrown(() =>
    parseRunbook(
      'example.yml',
      stringify({ service: 'api', environments: { live: { target, ...content } } }),
    ),
  )
}

function ofSteps(steps: unknown[]): object {
  return { 'runs-on': 'ubuntu-latest', steps }
}

function faultsOfManifest(manifest: unknown): string[] {
  const { kind, metadata, spec } = manifest as { kind?: string; metadata?: { name?: string }; spec?: object }
  return kind && metadata?.name && spec
    ? []
    : ['is no object of Kubernetes: it lacks kind, metadata.name or spec']
}

function thrown(work: () => unknown): string[] {
  try {
    work()
    return []
  } catch (error) {
    return [String(error)]
  }
}

/** The calls of `runbook` in a block of shell. */
function commandsIn({ where, text }: Example): { where: string; words: string[] }[] {
  return text.split('\n').flatMap(line => {
    const called = /^(?:npx )?runbook ([^#\n]+)/.exec(line)?.[1]
    const words = called?.trim().match(/"[^"]*"|\S+/g)
    const plain = words?.slice(0, words.includes('|') ? words.indexOf('|') : undefined)
    return plain ? [{ where, words: plain.map(word => word.replaceAll('"', '')) }] : []
  })
}

test.each(shell)('$where calls the command as it is: $words', async ({ words: [name = '', ...words] }) => {
  if (['init', 'help'].includes(name)) return
  const command = await commands[name]?.load()
  expect({ name, exists: command !== undefined }).toEqual({ name, exists: true })
  const given = words.filter(word => word !== '--json')
  expect(() => readWords(command?.fields ?? {}, command?.positional ?? [], given, {})).not.toThrow()
})

test('a block that is none of these is found', async () => {
  expect(await faultsOf('gate: { pathes: [/health] }\n')).not.toEqual([])
  expect(await faultsOf('- uses: org/runbook-actions/deploy@v1\n  with: { environmnt: staging }\n')).toEqual([
    'org/runbook-actions/deploy@v1: no input environmnt',
    'org/runbook-actions/deploy@v1 lacks environment',
  ])
})
