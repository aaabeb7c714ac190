import { expect, test } from '@jest/globals'
import { commands } from '../../../cli/commands.ts'
import { unknownCommand } from '../../../cli/suggest.ts'

const names = ['init', ...Object.keys(commands)]

test.each([
  ['health-gate', 'health-check'],
  ['backup', 'backup-db'],
  ['recover', 'settle'],
  ['rolback', 'rollback'],
  ['stauts', 'status'],
  ['histroy', 'history'],
  ['depoly', 'deploy'],
  ['pre-deply', 'pre-deploy'],
])('%s was meant to be %s', (word, meant) => {
  expect(unknownCommand(word, names).hint).toBe(`Did you mean: runbook ${meant}? All of them: runbook help`)
})

test.each(['', 'x', 'kubernetes', 'constructor', 'production'])('%j was not meant to be any', word => {
  expect(unknownCommand(word, names).hint).toBe('See: runbook help')
})
