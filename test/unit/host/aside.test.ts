import { expect, test } from '@jest/globals'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAside } from '../../../shared/host/aside.ts'
import { createDayLog } from '../../../shared/report/files.ts'

function listen() {
  const warnings: string[] = []
  return { warnings, warn: (line: string) => void warnings.push(line) }
}

test('what cannot be told is warned of once, and what comes after it is told', async () => {
  const { warnings, warn } = listen()
  const aside = createAside({ warn })
  const told: number[] = []
  await aside('One', () => told.push(1))
  await aside('Two', () => Promise.reject(new Error('ENOSPC: no space left')))
  await aside('Two', () => {
    throw new TypeError('x is undefined')
  })
  await aside('Two', () => told.push(2))
  await aside('Three', () => Promise.reject(new Error('gone')))
  expect(told).toEqual([1, 2])
  expect(warnings).toEqual([
    'Two cannot be written: ENOSPC: no space left. The work goes on.',
    'Three cannot be written: gone. The work goes on.',
  ])
})

test('a log of the day that cannot be written goes on once it can', () => {
  const folder = mkdtempSync(join(tmpdir(), 'day-log-'))
  const { warnings, warn } = listen()
  const write = createDayLog(join(folder, 'logs/day.log'), () => 0, warn)
  writeFileSync(join(folder, 'logs'), 'a file where the folder is to be')
  write('first')
  write('second')
  rmSync(join(folder, 'logs'))
  write('third')
  expect(warnings).toEqual([
    expect.stringMatching(/^The log of the day cannot be written: E.*The work goes on\.$/),
  ])
  expect(readdirSync(join(folder, 'logs'))).toEqual(['day.log'])
  rmSync(folder, { recursive: true })
})
