import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { publish, publishedPath, type Publication } from './published-links.ts'

// Puts the published tree together: what `uses: org/runbook-actions/deploy@v1` finds.
//
// Organisations can demand that every reference is pinned to a commit, inner ones too. A commit cannot name itself, so that such
// a release takes two: the tree, and on top of it the same tree with `--ref` set to the first commit. The second differs only
// in what its workflows and documents refer to, and is what the tag points at.

const root = join(import.meta.dirname, '..')
const { out, publication } = readArguments()

rmSync(out, { recursive: true, force: true })
mkdirSync(join(out, '.github/workflows'), { recursive: true })
write('package.json', `${JSON.stringify(manifest(), null, 2)}\n`)
cpSync(join(root, 'build/lib'), join(out, 'lib'), { recursive: true })
copy('LICENSE', 'LICENSE')
for (const file of documents()) text(file)
for (const file of ['runbook.schema.json', 'smoke.schema.json']) copy(`deployment/${file}`, file)
for (const name of actionNames()) assembleAction(name)
copy('action.yml', 'action.yml')
entries('.', 'promote')
for (const name of readdirSync(join(root, 'workflows')).filter(file => file.endsWith('.yml')))
  text(`workflows/${name}`)
write('lib/node-version.js', nodeVersion())
write(
  'bin/runbook.js',
  `#!/usr/bin/env node\n${start('..', `command('${manifest().version}', ${JSON.stringify(publication)})`)}`,
  0o755,
)

function assembleAction(name: string): void {
  copy(`actions/${name}/action.yml`, `${name}/action.yml`)
  text(`actions/${name}/README.md`)
  entries(name, name)
}

/** The programs that the action.yml in a folder names. */
function entries(folder: string, name: string): void {
  entry(folder, 'index', 'main', name)
  const described = folder === '.' ? 'action.yml' : `actions/${folder}/action.yml`
  if (read(described).includes('post: dist/post.js')) entry(folder, 'post', 'post', name)
}

function entry(folder: string, file: string, phase: string, name: string): void {
  write(join(folder, 'dist', `${file}.js`), start(folder === '.' ? '..' : '../..', `${phase}('${name}')`))
}

/** Loads the bundle after the version of Node is known: an older one fails while it loads, in words that help no reader. */
function start(tree: string, call: string): string {
  return `import { requireNode } from '${tree}/lib/node-version.js'\nrequireNode()\nconst suite = await import('${tree}/lib/index.js')\nawait suite.${call}\n`
}

function nodeVersion(): string {
  return `/** Ends the process with one sentence when Node is too old for the bundle. */
export function requireNode() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return
  const fault = \`runbook needs Node 24 or newer; this is Node \${process.versions.node} (\${process.execPath}). Install Node 24 (https://nodejs.org), or put it first on PATH.\`
  console.error(process.env.GITHUB_ACTIONS === 'true' ? \`::error title=node::\${fault}\` : \`x \${fault}\`)
  process.exit(2)
}
`
}

function actionNames(): string[] {
  return readdirSync(join(root, 'actions')).filter(name =>
    existsSync(join(root, 'actions', name, 'action.yml')),
  )
}

/** The package of the published tree: a service repository can install it for the `runbook` command. */
function manifest(): { version: string } & Record<string, unknown> {
  const { name, version, description, license } = JSON.parse(read('package.json')) as Record<
    'name' | 'version' | 'description' | 'license',
    string
  >
  return {
    name,
    version,
    description,
    license,
    type: 'module',
    engines: { node: '>=24' },
    bin: { runbook: 'bin/runbook.js' },
  }
}

function readArguments(): { out: string; publication: Publication } {
  const usage = 'usage: assemble OUT [--repository OWNER/NAME] [--ref TAG|SHA]'
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      repository: { type: 'string', default: 'org/runbook-actions' },
      ref: { type: 'string', default: 'v1' },
    },
  })
  const [to, ...more] = positionals
  if (to === undefined || more.length > 0) throw new Error(usage)
  const { repository, ref } = values
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository))
    throw new Error(`--repository ${repository} is not OWNER/NAME; ${usage}`)
  if (!/^(v\d+(\.\d+){0,2}(-[\w.]+)?|[0-9a-f]{40})$/.test(ref))
    throw new Error(`--ref ${ref} is no tag like v1.2.3 and no full commit SHA; ${usage}`)
  return { out: to, publication: { repository, ref } }
}

/** The texts for people, and the manifests that they tell to apply. */
function documents(): string[] {
  const access = 'deployment/k8s/access'
  return [
    'README.md',
    'SECURITY.md',
    ...readdirSync(join(root, 'docs'))
      .map(name => `docs/${name}`)
      .filter(path => publishedPath(path) !== undefined),
    ...readdirSync(join(root, access)).map(name => `${access}/${name}`),
  ]
}

/** Copies a text to its place in the tree, with its references and links made to fit. */
function text(from: string): void {
  const to = publishedPath(from)
  if (to === undefined) throw new Error(`${from} has no place in the published tree`)
  write(to, publish(read(from), from, publication))
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

function copy(from: string, to: string): void {
  if (existsSync(join(root, from))) cpSync(join(root, from), join(out, to))
}

function write(path: string, text: string, mode = 0o644): void {
  const file = join(out, path)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, text, { mode })
}
