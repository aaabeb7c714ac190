import { copyFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { dumpKey } from '../../../shared/backup/keys.ts'
import type { Manifest } from '../../../shared/backup/manifest.ts'
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
  const key = dumpKey({ service: manifest.service, environment: manifest.environment, takenAt })
  await mkdir(join(store, key, '..'), { recursive: true })
  await copyFile(join(store, template.key), join(store, key))
  await writeFile(join(store, key.replace(/dump$/, 'json')), JSON.stringify({ ...manifest, key }))
  return key
}

async function dumps(): Promise<string[]> {
  const names = await readdir(store, { recursive: true })
  return names.filter(name => name.endsWith('.dump')).sort()
}

test('what is old goes, once enough verified ones are newer; nobody else loses anything', async () => {
  const first = succeeded(await scene.backUp())
  const key = (first.outputs['backup-uri'] ?? '').slice(`file://${store}/`.length)
  const template = JSON.parse(await readFile(join(store, key.replace(/dump$/, 'json')), 'utf8')) as Manifest

  const listed = { ...template.verified, how: 'list' as const }
  const recent = await age(template, days(10))
  const unproved = await age(template, days(20), { verified: listed })
  const old = await age(template, days(40))
  const older = await age(template, days(50))
  const ancient = await age(template, days(60), { verified: listed })
  const foreign = [
    await age(template, days(70), { service: 'another-service' }),
    await age(template, days(70), { environment: 'production' }),
  ]
  const stranger = join(store, '20200101', 'backup_by_hand.dump')
  await mkdir(join(stranger, '..'))
  await writeFile(stranger, 'somebody put this here')
  const abandoned = await age(template, days(80))
  await writeFile(join(store, abandoned.replace(/dump$/, 'json')), 'not a manifest')

  succeeded(await scene.backUp({ 'keep-at-least': '4' }))
  const kept = await dumps()
  // Verified and kept whatever their age: the new one, the first, the recent one and the newest old one.
  expect(kept).toEqual(
    expect.arrayContaining([key, recent, unproved, old, ...foreign, '20200101/backup_by_hand.dump']),
  )
  expect(kept).not.toContain(older)
  expect(kept).not.toContain(ancient)
  // One whose manifest cannot be read is not ours to remove.
  expect(kept).toContain(abandoned)
}, 60_000)

test('a backup that is not verified removes nothing', async () => {
  const first = succeeded(await scene.backUp())
  const key = (first.outputs['backup-uri'] ?? '').slice(`file://${store}/`.length)
  const template = JSON.parse(await readFile(join(store, key.replace(/dump$/, 'json')), 'utf8')) as Manifest
  const old = await age(template, days(400))
  succeeded(await scene.backUp({ verify: 'none', 'keep-at-least': '1' }))
  expect(await dumps()).toContain(old)
}, 30_000)
