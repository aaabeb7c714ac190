import { appendFileSync, closeSync, existsSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { InputError, messageOf } from '../outcome/errors.ts'
import { printableJson } from '../outcome/printable.ts'
import type { Outcome } from '../outcome/outcome.ts'
import { createAside } from '../host/aside.ts'
import { renderHtml } from './html.ts'

/** Where the guide keeps logs, relative to the repository's root. */
export const logFolder = 'deployment/logs'

/** `deployment/logs/deploy_production_20261123.log`, as the guide names it. */
export function logFile(root: string, step: string, environment: string, now: number): string {
  const day = new Date(now).toISOString().slice(0, 10).replaceAll('-', '')
  return join(root, logFolder, `${fileName(step)}_${environment}_${day}.log`)
}

/** `env:encrypt` is no name of a file everywhere: Windows and GitHub's artifacts refuse the colon. */
function fileName(step: string): string {
  return step.replaceAll(':', '-')
}

/**
 * Appends lines to a day's log, each with its time. The folder is made when it is missing.
 * @param warn told, once, that lines are missing: a log that cannot be written stops nothing
 */
export function createDayLog(
  file: string,
  now: () => number,
  warn: (line: string) => void,
): (line: string) => void {
  const aside = createAside({ warn })
  return line => {
    void aside('The log of the day', () => {
      mkdirSync(join(file, '..'), { recursive: true })
      appendFileSync(file, `${new Date(now()).toISOString()} ${line}\n`, { mode: 0o600 })
    })
  }
}

/**
 * Writes an Outcome beside the logs: as JSON for programs, and as a page of its own for people. Each is there whole or
 * not at all.
 */
export function writeOutcome(root: string, outcome: Outcome): void {
  const time = outcome.startedAt.replaceAll(/[-:]/g, '').replace('T', '_').slice(0, 15)
  const file = join(root, logFolder, `${fileName(outcome.step)}_${outcome.environment}_${time}`)
  mkdirSync(join(root, logFolder), { recursive: true })
  writeWhole(`${file}.json`, `${printableJson(outcome, 2)}\n`)
  writeWhole(`${file}.html`, renderHtml(outcome))
}

function writeWhole(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600 })
  } catch (error) {
    rmSync(file, { force: true })
    throw error
  }
}

/**
 * Makes sure, before the work is done that a report is about, that it can be written where a caller wants it; folders on the
 * way are made.
 * @param input name of the input that says where, for the error
 * @returns writes it
 * @throws InputError when the path cannot be written
 */
export function openReport(root: string, input: string, path: string): (text: string) => void {
  const file = resolve(root, path)
  try {
    mkdirSync(dirname(file), { recursive: true })
    const isNew = !existsSync(file)
    closeSync(openSync(file, 'a'))
    if (isNew) rmSync(file)
  } catch (cause) {
    throw new InputError(`${input}: ${path} cannot be written: ${messageOf(cause)}`, {
      hint: `Set ${input} to the path of a file in a folder that may be written to.`,
      cause,
    })
  }
  return text => writeFileSync(file, text)
}
