import { describe, expect, test } from '@jest/globals'
import { backupDbFields } from '../../../shared/commands/backup/backup-db-fields.ts'
import { usageOf } from '../../../cli/usage.ts'
import { readWords } from '../../../cli/words.ts'
import { InputError } from '../../../shared/outcome/errors.ts'
import { flag, parseInputs, secret, text } from '../../../shared/commands/step/inputs.ts'

const fields = {
  environment: text('Which.', 'a name'),
  'decrypt-with': secret('The key.', 'a key'),
  'dry-run': flag('Nothing is changed.'),
}
const read = (words: string[], env = {}) => readWords(fields, ['environment'], words, env)

describe('the words of a command', () => {
  test('are options by name, and the others by their place', () => {
    const said = read(['production', '--dry-run'])
    expect([said('environment'), said('dry-run'), said('decrypt-with')]).toEqual(['production', 'true', ''])
  })

  test('may say the word of a flag, and not that of an option that is none', () => {
    const long = { ...fields, 'keep-long': flag('It stays.', { default: 'true' }) }
    const said = readWords(long, ['environment'], ['production', '--keep-long=false', '--dry-run=true'], {})
    expect(['environment', 'keep-long', 'dry-run'].map(said)).toEqual(['production', 'false', 'true'])
    expect(() => parseInputs(long, readWords(long, [], ['--environment=x', '--dry-run=no'], {}))).toThrow(
      'dry-run is "no"; accepted: true or false',
    )
  })

  test('may be one letter', () => {
    const load = { requests: { ...fields.environment, short: 'n' } }
    expect(readWords(load, [], ['-n', '1000'], {})('requests')).toBe('1000')
    expect(() => readWords(load, [], ['-c', '10'], {})).toThrow(InputError)
  })

  test('need not hold a secret: it has a variable, and an option wins over it', () => {
    const env = { RUNBOOK_DECRYPT_WITH: 'of the variable', RUNBOOK_ENVIRONMENT: 'staging' }
    expect(read([], env)('decrypt-with')).toBe('of the variable')
    expect(read(['--decrypt-with', 'of the option'], env)('decrypt-with')).toBe('of the option')
    expect(read([], env)('environment')).toBe('')
  })

  test('that the command does not know are refused', () => {
    expect(() => read(['production', 'staging'])).toThrow(
      expect.objectContaining({
        message: '"staging" is one word too many; without a name go: environment',
        hint: 'See the options with --help.',
      }),
    )
    expect(() => read(['--force'])).toThrow(InputError)
  })

  test('of a reason without quotes are told to go into quotes', () => {
    const reasoned = { ...fields, because: text('Why.', 'one sentence', { required: true }) }
    const words = ['production', 'the', 'disk', 'is', 'being', 'changed']
    expect(() => readWords(reasoned, ['environment', 'because'], words, {})).toThrow(
      expect.objectContaining({
        name: 'InputError',
        hint: 'Put the reason in quotes: "the disk is being changed"',
      }),
    )
  })
})

test('a private key is taken from its variable alone: a command line can be read by all users of the machine', () => {
  const env = { RUNBOOK_SIGNING_KEY: 'the key' }
  expect(readWords(backupDbFields, ['environment'], ['staging'], env)('signing-key')).toBe('the key')
  for (const words of [['--signing-key', 'the key'], ['--signing-key=the key']]) {
    const refusal = () => readWords(backupDbFields, ['environment'], ['staging', ...words], {})
    expect(refusal).toThrow('accepted: the variable RUNBOOK_SIGNING_KEY')
    expect(refusal).not.toThrow('the key')
  }
  const help = usageOf('backup-db', '', { fields: backupDbFields, positional: ['environment'] } as never)
  expect(help).toContain('RUNBOOK_SIGNING_KEY')
  expect(help).toContain('openssl genpkey -algorithm ed25519')
  expect(help).not.toContain('--signing-key')
})
