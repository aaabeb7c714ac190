import { PassThrough } from 'node:stream'
import { finished } from 'node:stream/promises'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createTail, cutEnd, cutMiddle, cutStart } from '../../../shared/outcome/cut.ts'
import { InputError, quote } from '../../../shared/outcome/errors.ts'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import { act, emptyLedger } from '../../../shared/release/ledger.ts'
import { bounded } from '../../../shared/report/bounds.ts'
import { openPipe } from '../../../shared/targets/docker/engine/pipe.ts'
import { changeOf } from '../../../shared/targets/kubernetes/inspect/diff.ts'
import { changedFields } from '../../../shared/targets/kubernetes/ownership/fields.ts'
import type { KubeObject } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import { shorten } from '../../../shared/targets/kubernetes/rollout/symptom.ts'
import { refusal } from '../../../shared/targets/docker/engine/engine.ts'
import { refusal as apiRefusal } from '../../../shared/targets/kubernetes/api/api-error.ts'

const configMap = (value: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'c' },
  data: { note: value },
})
const outcome = (summary: string): Outcome => ({
  step: 'deploy',
  service: 's',
  environment: 'e',
  status: 'failure',
  reason: 'bug',
  summary,
  next: '',
  serving: '',
  cause: '',
  evidence: [{ subject: 's', finding: summary, tone: 'bad', detail: summary.repeat(20) }],
  timings: [],
  durationMs: 0,
  startedAt: '',
  outputs: {},
})
const boundedTexts = (text: string) => {
  const { summary, evidence } = bounded(outcome(text))
  return [summary, ...evidence.flatMap(({ finding, detail }) => [finding, detail])].join('\n')
}
const told = (text: string) =>
  act(emptyLedger('s', 'e'), { kind: 'hold', by: 'b', because: text, at: '' }).acts[0]?.because ?? ''
const streamed = (text: string, most: number) => {
  const tail = createTail(most)
  for (const chunk of text.match(/[^]{1,7}/g) ?? []) tail.add(chunk)
  return tail.text()
}

/** Everything that shortens what others wrote, with the length of text that is cut in it. */
const cuts: Record<string, { room: number; cut: (text: string) => string }> = {
  cutEnd: { room: 100, cut: text => cutEnd(text, 60) },
  cutStart: { room: 100, cut: text => cutStart(text, 60) },
  cutMiddle: { room: 160, cut: text => cutMiddle(text, 80, 40, 30, '\n... 99 characters left out ...\n') },
  'a tail of a stream': { room: 200, cut: text => streamed(text, 64) },
  'a tail that is shortened': { room: 1_200, cut: text => shorten(streamed(text, 700)) },
  'the head of a head': { room: 200, cut: text => cutEnd(cutEnd(text, 120), 40) },
  'the head of a tail': { room: 200, cut: text => cutEnd(cutStart(text, 100), 50) },
  'a symptom': { room: 420, cut: shorten },
  'a quoted value': { room: 140, cut: quote },
  'an input that is wrong': { room: 140, cut: text => InputError.of('x', text, 'y').message },
  'a diff': { room: 240, cut: text => changeOf(configMap(''), configMap(''), configMap(text)).diff ?? '' },
  'a changed field': {
    room: 140,
    cut: text => JSON.stringify(changedFields(configMap(''), configMap(text))),
  },
  'an outcome': { room: 2_300, cut: text => boundedTexts(text) },
  'a reason in the ledger': { room: 600, cut: told },
  'an answer of Docker': { room: 400, cut: text => refusal('GET', '/', 500, Buffer.from(text)).message },
  'an answer of Kubernetes': { room: 400, cut: text => apiRefusal('GET x', 500, text).message },
}

/** Eight characters of the secret in a row that are there; the dots of a mark belong to no secret. */
function shows(text: string, secret: string): string | undefined {
  for (let at = 0; at + 8 <= secret.length; at++) {
    const piece = secret.slice(at, at + 8)
    if (text.replace(/\.{3,}/g, '|').includes(piece)) return piece
  }
  return undefined
}

const alphabet = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789/+=-_.:%'.split('')
const secret = fc.string({ unit: fc.constantFrom(...alphabet), minLength: 12, maxLength: 130 })

test.each(Object.entries(cuts))(
  '%s shows no 8 characters of a secret, wherever it stands',
  (_name, { room, cut }) => {
    fc.assert(
      fc.property(secret, fc.constantFrom(1, 3, 7), fc.nat({ max: 6 }), (value, step, first) => {
        const secrets = createSecrets()
        secrets.add(value)
        for (let offset = first; offset < room; offset += step * 3) {
          const text = `${'~ '.repeat(offset).slice(0, offset)}${value}${' ~'.repeat(room).slice(0, room - offset)}`
          const shown = secrets.redact(cut(text))
          if (shows(shown, value) !== undefined)
            throw new Error(`at ${offset}: ${shows(shown, value) ?? ''} is in ${shown.slice(0, 400)}`)
        }
      }),
      { numRuns: 10 },
    )
  },
)

test('what others cut without a mark is hidden at both ends', () => {
  const value = 'swgCHkfe0123456789abcdefghij9my7aA'
  const secrets = createSecrets()
  secrets.add(value)
  for (let kept = 8; kept < value.length; kept++) {
    expect(secrets.redactPiece(`${value.slice(-kept)} is wrong`)).toBe('*** is wrong')
    expect(secrets.redactPiece(`wrong: ${value.slice(0, kept)}`)).toBe('wrong: ***')
  }
})

test('a piece between two cuts is hidden, and what stands around it is not', () => {
  const value = Array.from({ length: 60 }, (_, at) => `k${at * 7919}`).join('')
  const secrets = createSecrets()
  secrets.add(value)
  expect(secrets.redact(`it says ...${value.slice(90, 150)}... and ends`)).toBe('it says ...***... and ends')
  expect(secrets.redact(`it says ... ${value.slice(90, 150)} ... and ends`)).toBe(
    'it says ...***... and ends',
  )
})

test('words are not hidden for being the beginning of a secret, but at a cut', () => {
  const secrets = createSecrets()
  secrets.add('production-4f1c9a77')
  expect(secrets.redact('production is well')).toBe('production is well')
  expect(secrets.redact('deployed to production')).toBe('deployed to production')
  expect(secrets.redact('at production-4f1c...')).toBe('at ***...')
})

test('many cuts in a long text are looked at in a moment', () => {
  const secrets = createSecrets()
  for (let at = 0; at < 100; at++) secrets.add(`${at}-${'abcdefgh'.repeat(20)}${at}`)
  secrets.add('x9'.repeat(1_600))
  const text = 'Compiling module of the service... done\n'.repeat(600)
  expect(secrets.redact(text)).toBe(text)
})

test('the lines of a program are told whole, however they come', async () => {
  const stderr = new PassThrough()
  const lines: string[] = []
  const child = Object.assign(new PassThrough(), {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr,
    kill: () => true,
  })
  const exec = { start: () => child as never, run: () => Promise.reject(new Error('not asked')) }
  openPipe(exec, 'ssh', [], { env: {}, onError: line => lines.push(line) })
  stderr.write('denied: hun')
  stderr.write('ter-two-three\nnext')
  stderr.end()
  await finished(stderr)
  await new Promise(resolve => setImmediate(resolve))
  expect(lines).toEqual(['denied: hunter-two-three', 'next'])
})
