import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

// Puts the published tree together: what `uses: org/runbook-actions/deploy@v1` finds.

const root = join(import.meta.dirname, '..')
const [out, ref] = process.argv.slice(2)
if (out === undefined || ref === undefined) throw new Error('usage: assemble.ts OUT REF')
if (!/^(v\d+(\.\d+){0,2}(-[\w.]+)?|[0-9a-f]{40})$/.test(ref))
  throw new Error(`${ref} is no tag like v1.2.3 and no commit`)

rmSync(out, { recursive: true, force: true })
mkdirSync(join(out, '.github/workflows'), { recursive: true })
write('package.json', `${JSON.stringify(manifest(), null, 2)}\n`)
cpSync(join(root, 'build/lib'), join(out, 'lib'), { recursive: true })
for (const file of ['LICENSE', 'README.md']) copy(file, file)
for (const file of ['runbook.schema.json', 'smoke.schema.json']) copy(`deployment/${file}`, file)
for (const name of actionNames()) assembleAction(name)
copy('action.yml', 'action.yml')
entry('.', 'index', 'main', 'promote')
for (const name of readdirSync(join(root, 'workflows')).filter(file => file.endsWith('.yml'))) {
  write(join('.github/workflows', name), stamp(read(join('workflows', name))))
}
write('lib/node-version.js', nodeVersion())
write('bin/runbook.js', `#!/usr/bin/env node\n${start('..', `command('${manifest().version}')`)}`, 0o755)

function assembleAction(name: string): void {
  copy(`actions/${name}/action.yml`, `${name}/action.yml`)
  write(`${name}/README.md`, stamp(read(`actions/${name}/README.md`)))
  entry(name, 'index', 'main', name)
  if (read(`actions/${name}/action.yml`).includes('post: dist/post.js')) entry(name, 'post', 'post', name)
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

/** Inner references point at the very release that they are part of. */
function stamp(text: string): string {
  return text.replaceAll(/(org\/runbook-actions\/[\w./-]+)@v1\b/g, `$1@${String(ref)}`)
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

function copy(from: string, to: string): void {
  if (existsSync(join(root, from))) cpSync(join(root, from), join(String(out), to))
}

function write(path: string, text: string, mode = 0o644): void {
  const file = join(String(out), path)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, text, { mode })
}
