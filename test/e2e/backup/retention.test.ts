import { copyFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { dumpKey, manifestKey } from '../../../shared/backup/storage/keys.ts'
import type { Manifest } from '../../../shared/backup/storage/manifest.ts'
import { ToolError } from '../../../shared/outcome/errors.ts'
import { openScene, succeeded, type Scene } from './scene.ts'

let scene: Scene
let store: string
beforeEach(async () => {
  scene = await openScene()
  store = join(scene.folder, 'store')
  await scene.sql('CREATE TABLE t AS SELECT 1 AS a')
})
afterEach(() => scene.close())

const days = (number: number) => Date.now() - number * 86_400_000

/** A backup as another day's run would have left it: the last one's files under another name. */
async function age(template: Manifest, takenAt: number, said: Partial<Manifest> = {}): Promise<string> {
  const manifest = { ...template, takenAt: new Date(takenAt).toISOString(), ...said }
  const key = dumpKey({ service: manifest.service, environment: manifest.environment, takenAt }, '.dump.zst')
  await mkdir(join(store, key, '..'), { recursive: true })
  await copyFile(join(store, template.key), join(store, key))
  await writeFile(join(store, manifestKey(key)), JSON.stringify({ ...manifest, key }))
  return key
}

async function dumps(): Promise<string[]> {
  const names = await readdir(store, { recursive: true })
  return names.filter(name => name.endsWith('.dump.zst')).sort()
}

test('what is old goes, once enough verified ones are newer; other owners lose nothing', async () => {
  const first = succeeded(await scene.backUp())
  const key = (first.outputs['backup-uri'] ?? '').slice(`file://${store}/`.length)
  const template = JSON.parse(await readFile(join(store, manifestKey(key)), 'utf8')) as Manifest

  const listed = { ...template.verified, how: 'list' as const }
  const recent = await age(template, days(10))
  const unproved = await age(template, days(20), { verified: listed })
  const old = await age(template, days(40))
  const older = await age(template, days(50))
  const ancient = await age(template, days(60), { verified: listed })
  const before = await age(template, days(55))
  scene.ledger.entries.push({
    id: 'r1',
    version: 'v1.0.0',
    image: 'registry/image@sha256:0',
    state: 'good',
    backup: `file://${store}/${before}`,
    by: 'ada',
    run: 'r/1',
    runUrl: '',
    intendedAt: new Date(days(55)).toISOString(),
  })
  const foreign = [
    await age(template, days(70), { service: 'another-service' }),
    await age(template, days(70), { environment: 'production' }),
  ]
  const stranger = join(store, '20200101', 'backup_by_hand.dump.zst')
  await mkdir(join(stranger, '..'))
  await writeFile(stranger, 'put here by hand')
  const abandoned = await age(template, days(80))
  await writeFile(join(store, manifestKey(abandoned)), 'not a manifest')

  const all = await dumps()
  const dry = succeeded(await scene.backUp({ 'keep-at-least': '4', 'dry-run': 'true' }))
  expect(JSON.stringify(dry.evidence)).toContain(older)
  expect(await dumps()).toEqual(all)

  succeeded(await scene.backUp({ 'keep-at-least': '4' }))
  const kept = await dumps()
  // Verified and kept whatever their age: the new one, the first, the recent one and the newest old one.
  expect(kept).toEqual(
    expect.arrayContaining([key, recent, unproved, old, ...foreign, '20200101/backup_by_hand.dump.zst']),
  )
  // A release in the ledger may go back to it.
  expect(kept).toContain(before)
  expect(kept).not.toContain(older)
  expect(kept).not.toContain(ancient)
  // One whose manifest cannot be read is not ours to remove.
  expect(kept).toContain(abandoned)
})

test('a backup that is not verified removes nothing', async () => {
  const first = succeeded(await scene.backUp())
  const key = (first.outputs['backup-uri'] ?? '').slice(`file://${store}/`.length)
  const template = JSON.parse(await readFile(join(store, manifestKey(key)), 'utf8')) as Manifest
  const old = await age(template, days(400))
  succeeded(await scene.backUp({ verify: 'none', 'keep-at-least': '1' }))
  expect(await dumps()).toContain(old)
})

test('where the ledger cannot be read, nothing is removed, and that is said', async () => {
  const first = succeeded(await scene.backUp())
  const key = (first.outputs['backup-uri'] ?? '').slice(`file://${store}/`.length)
  const template = JSON.parse(await readFile(join(store, manifestKey(key)), 'utf8')) as Manifest
  const old = await age(template, days(400))
  const openTarget = () =>
    Promise.reject(new ToolError('the engine does not answer', { tool: 'docker', hint: 'Start it.' }))
  const outcome = succeeded(await scene.backUp({ 'keep-at-least': '1' }, { openTarget }))
  expect(JSON.stringify(outcome.evidence)).toContain('the engine does not answer')
  expect(await dumps()).toContain(old)
})
