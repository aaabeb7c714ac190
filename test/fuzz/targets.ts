import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Target } from './fuzz.ts'
import { signedDocuments } from './signed-targets.ts'
import { storedState } from './state-targets.ts'

/**
 * Every parser of data that comes from outside: files of the repository, answers of services, logs, output of programs. Each
 * throws InputError or ToolError and nothing else, ends, and gives no more than its input is long; what else is stated of
 * one is checked in it.
 *
 * They are imported when this is called, so that they are instrumented.
 */
export async function loadTargets(): Promise<Target[]> {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-fuzz-'))
  return [
    ...(await filesOfTheRepository(folder)),
    ...(await answersOfServices()),
    ...(await namesAndNumbers(folder)),
    ...(await textOfOthers()),
    ...(await storedState()),
    ...(await signedDocuments(folder)),
  ]
}

async function filesOfTheRepository(folder: string): Promise<Target[]> {
  const { readReleaseEnvFile, secretsOf } = await import('../../shared/config/env-file/env-file.ts')
  const { findEnvFileFaults } = await import('../../shared/config/env-file/env-faults.ts')
  const { findValueFault } = await import('../../shared/config/env-file/env-dialects.ts')
  const { decodeText } = await import('../../shared/config/text-file.ts')
  const { parseRunbook } = await import('../../shared/config/load.ts')
  const { parseSuite, variablesOf } = await import('../../shared/smoke/suite.ts')
  const { readDocuments } = await import('../../shared/targets/kubernetes/manifests/documents.ts')
  const rules = { requires: ['DATABASE_URL', 'JWT_SECRET'], environment: 'production' }
  return [
    {
      name: 'env-file',
      read(input) {
        writeFileSync(join(folder, '.env'), input)
        const faults = findEnvFileFaults(folder, '.env', rules)
        const values = readReleaseEnvFile(folder, '.env')
        return { faults, values, secrets: secretsOf(values) }
      },
    },
    { name: 'env-value', read: input => findValueFault(text(input), new Set(['A', 'HOME'])) },
    { name: 'text-file', read: input => decodeText('f', 'f', input) },
    { name: 'runbook', read: input => parseRunbook('runbook.yml', text(input)) },
    {
      name: 'smoke-suite',
      read(input) {
        const suite = parseSuite('smoke.yml', text(input))
        return { suite, variables: variablesOf(suite) }
      },
    },
    {
      name: 'manifests',
      read: input =>
        readDocuments('all.yaml', text(input)).map(({ value, where }) => [value, where(['kind'])]),
    },
  ]
}

async function answersOfServices(): Promise<Target[]> {
  const { ResponseFramer } = await import('../../shared/integrations/http/response-framer.ts')
  const { FramingError, readHead } = await import('../../shared/integrations/http/response-head.ts')
  const { parseExposition } = await import('../../shared/gate/probes/exposition.ts')
  const { readStatus } = await import('../../shared/gate/probes/status.ts')
  const prometheus = await import('../../shared/integrations/observability/prometheus-answers.ts')
  const { demultiplex } = await import('../../shared/targets/docker/engine/containers.ts')
  const { unpackTar } = await import('../../shared/targets/docker/engine/tar.ts')
  const docker = await import('../../shared/targets/docker/engine/engine.ts')
  const kubernetes = await import('../../shared/targets/kubernetes/api/api-error.ts')
  const { parseExactJson, showJson, valueAt } = await import('../../shared/host/json.ts')
  const { parseJson, toJson } = await import('../../shared/targets/kubernetes/api/json.ts')
  const { nextPage, readJson } = await import('../../shared/integrations/github/github-answers.ts')
  const { retryAfter } = await import('../../shared/integrations/http/patience.ts')
  const { judgeAudit } = await import('../../shared/checks/code/audit.ts')
  const { parseManifest, writeManifest } = await import('../../shared/backup/storage/manifest.ts')
  const { selectEntries } = await import('../../shared/backup/dump/archive-entries.ts')
  const framing = (error: unknown) => error instanceof FramingError
  const syntax = (error: unknown) => error instanceof SyntaxError
  const framed = (parts: Buffer[]) => {
    const framer = new ResponseFramer(65_536)
    try {
      for (const part of parts) {
        const found = framer.read(part)
        if (found) return found
      }
      return framer.end()
    } catch (error) {
      if (framing(error)) return undefined
      throw error
    }
  }
  return [
    {
      name: 'http-framer',
      expects: framing,
      read(input) {
        const whole = framed([input])
        const bytes = framed(Array.from(input, byte => Buffer.from([byte])))
        // What ends before the last byte is refused when it comes at once, and taken when it comes in parts.
        if (whole) same(whole, bytes)
        return whole
      },
    },
    { name: 'http-head', expects: framing, read: input => readHead(text(input)) },
    { name: 'exposition', read: input => parseExposition(text(input)) },
    { name: 'status', expects: syntax, read: input => readStatus(JSON.parse(text(input))) },
    {
      name: 'prometheus-answer',
      read(input) {
        const data = prometheus.envelopeIn(text(input))?.data
        const { samplesIn, targetsIn, alertsIn, rulesIn, textIn } = prometheus
        return [samplesIn, targetsIn, alertsIn, rulesIn, textIn].map(each => each(data))
      },
    },
    { name: 'docker-log', read: demultiplex },
    { name: 'tar', read: unpackTar },
    { name: 'docker-refusal', read: input => docker.refusal('GET', '/', 500, input).message },
    { name: 'kubernetes-refusal', read: input => kubernetes.refusal('GET /', 422, text(input)).message },
    {
      name: 'exact-json',
      expects: syntax,
      read(input) {
        const value = parseExactJson(text(input))
        same(showJson(parseExactJson(showJson(value))), showJson(value))
        return [showJson(value), valueAt(value, 'a.b[0].__proto__')]
      },
    },
    {
      name: 'kubernetes-json',
      expects: syntax,
      read(input) {
        const written = toJson(parseJson(text(input)))
        same(toJson(parseJson(written)), written)
        return written
      },
    },
    {
      name: 'link-header',
      read: input => nextPage(answer({ link: text(input) }, ''), 'https://api.example.org/a'),
    },
    { name: 'retry-after', read: input => retryAfter(text(input), 1_700_000_000_000) },
    { name: 'github-json', read: input => readJson(answer({}, text(input))) },
    { name: 'npm-audit', read: input => judgeAudit(text(input)) },
    {
      name: 'backup-manifest',
      read(input) {
        const reading = { keys: [] }
        const { manifest } = parseManifest('s3://b/m.json', text(input), reading)
        const written = writeManifest(manifest, undefined)
        same(writeManifest(parseManifest('again', written, reading).manifest, undefined), written)
        return manifest
      },
    },
    {
      name: 'archive-toc',
      read: input =>
        (['temporary-server', 'scratch-database', 'live-server'] as const).map(into =>
          selectEntries(text(input), into, { beyond: undefined, extensions: [] }, new Set()),
        ),
    },
  ]
}

async function namesAndNumbers(folder: string): Promise<Target[]> {
  const { nameOf, parseImage, referenceFault, repositoryFault } =
    await import('../../shared/integrations/registry/image-reference.ts')
  const version = await import('../../shared/config/version.ts')
  const values = await import('../../shared/config/values.ts')
  const { parseConditions } = await import('../../shared/config/schema/condition.ts')
  const { parseBound } = await import('../../shared/config/freeze.ts')
  const { parsePlace } = await import('../../shared/config/place.ts')
  const { selectorsIn } = await import('../../shared/gate/probes/promql.ts')
  const { readSelector } = await import('../../shared/gate/probes/metrics.ts')
  const { parsePostgresUrl } = await import('../../shared/integrations/database/postgres-url.ts')
  const { readPassword, readService } = await import('../../shared/integrations/database/postgres-files.ts')
  const { parseRedisUrl } = await import('../../shared/integrations/database/redis.ts')
  const { parseS3Options } = await import('../../shared/backup/storage/s3-options.ts')
  const { parseKey, parseStamp } = await import('../../shared/backup/storage/keys.ts')
  const { parseQuantity } = await import('../../shared/targets/kubernetes/manifests/quantity.ts')
  const { parsePort } = await import('../../shared/targets/docker/engine/ports.ts')
  const { mountPath, ofBind } = await import('../../shared/targets/docker/mounts/mounts.ts')
  const nowhere = { HOME: '/nonexistent', PGPASSFILE: '/nonexistent' }
  return [
    {
      name: 'image-reference',
      read(input) {
        const reference = parseImage('image', text(input))
        const name = nameOf(reference)
        same(nameOf(parseImage('image', name)), name)
        return reference
      },
    },
    { name: 'image-fault', read: input => [referenceFault(text(input)), repositoryFault(text(input))] },
    {
      name: 'version',
      read(input) {
        const [one = '', two = 'v1.0.0'] = text(input).split(' ')
        const [a, b] = [version.parseVersion('version', one), version.parseVersion('version', two)]
        same(version.parseVersion('version', a), a)
        same(Math.sign(version.compareVersions(a, b)) + Math.sign(version.compareVersions(b, a)), 0)
        return [a, b]
      },
    },
    { name: 'duration', read: input => finite(values.parseDuration('for', text(input))) },
    { name: 'size', read: input => finite(values.parseSize('size', text(input))) },
    { name: 'percent', read: input => finite(values.parsePercent('share', text(input))) },
    { name: 'conditions', read: input => parseConditions('queries', text(input)) },
    { name: 'freeze', read: input => parseBound(text(input)) },
    { name: 'place', read: input => parsePlace('tunnel', text(input)) },
    { name: 'promql', read: input => selectorsIn(text(input)) },
    { name: 'selector', read: input => readSelector(text(input)) },
    { name: 'postgres-url', read: input => parsePostgresUrl('database-url', text(input), nowhere) },
    {
      name: 'postgres-files',
      read(input) {
        const file = join(folder, 'pgpass')
        writeFileSync(file, input, { mode: 0o600 })
        const env = { HOME: folder, PGPASSFILE: file, PGSERVICEFILE: file }
        const found = readPassword({ host: 'db', port: '5432', database: 'a', user: 'u' }, env)
        return [found, ...readService('where', 'api', env)]
      },
    },
    { name: 'redis-url', read: input => parseRedisUrl('REDIS_URL', text(input), '') },
    { name: 's3-options', read: input => parseS3Options('destination', text(input)) },
    { name: 'backup-key', read: input => [parseKey(text(input)), parseStamp(text(input))] },
    { name: 'quantity', read: input => parseQuantity(text(input)) },
    { name: 'docker-port', read: input => parsePort(text(input)) },
    { name: 'docker-mount', read: input => [ofBind(text(input)), mountPath(mountPath(text(input)))] },
  ]
}

async function textOfOthers(): Promise<Target[]> {
  const { printable, printableJson } = await import('../../shared/outcome/printable.ts')
  const { withoutCredentials } = await import('../../shared/outcome/credentials.ts')
  const { quote } = await import('../../shared/outcome/errors.ts')
  const { inlineSecrets } = await import('../../shared/config/inline-secrets.ts')
  const { createSecrets } = await import('../../shared/host/secrets/secrets.ts')
  const { secretPartsOf } = await import('../../shared/host/secrets/secret-parts.ts')
  const { commandsIn } = await import('../unit/host/runner-parser.ts')
  const canary = 'cAn4ry/+&"x%'
  const secrets = createSecrets()
  secrets.add(canary)
  return [
    {
      name: 'printable',
      words: ['stop-commands', 'add-mask', '::', '##[', ']', '\u0085'],
      read(input) {
        const shown = printable(text(input))
        same(printable(shown), shown)
        const json = printableJson(text(input), 0)
        same(commandsIn(`${shown}\n${json}`).length, 0)
        return [shown, json, quote(text(input))]
      },
    },
    {
      name: 'credentials',
      read: input => [withoutCredentials(text(input)), inlineSecrets(text(input))],
    },
    {
      name: 'redact',
      // Up to twelve views of a text (five passes, four families), each in four forms, two branches a character: 0.8 million.
      mostWork: 1_000_000,
      words: [
        canary,
        encodeURIComponent(canary),
        JSON.stringify(canary),
        Buffer.from(canary).toString('base64'),
      ],
      read(input) {
        const shown = secrets.redact(text(input))
        same(shown.includes(canary), false)
        return shown
      },
    },
    { name: 'secret-parts', read: input => secretPartsOf(text(input)) },
  ]
}

function text(input: Buffer): string {
  return input.toString('utf8')
}

function answer(headers: Record<string, string>, body: string) {
  return { headers, body, status: 200, truncated: false, url: 'https://api.example.org/a' } as never
}

function finite(number: number): number {
  if (!Number.isFinite(number)) throw new RangeError(`${number} is no number that can be waited for`)
  return number
}

function same(found: unknown, expected: unknown): void {
  const [one, two] = [JSON.stringify(found), JSON.stringify(expected)]
  if (one !== two) throw new RangeError(`${one} is not ${two}`)
}
