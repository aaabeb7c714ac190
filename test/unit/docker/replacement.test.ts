import { expect, test } from '@jest/globals'
import { mountsOf } from '../../../shared/targets/docker/mounts/mounts.ts'
import { chooseReplacement } from '../../../shared/targets/docker/apply/replacement.ts'

const running = mountsOf({ HostConfig: { Binds: ['orders-data:/data', '/srv/uploads:/uploads'] } })
const choose = (Binds: string[], shared: string[] = [], NetworkMode = 'bridge') =>
  chooseReplacement({ HostConfig: { Binds, NetworkMode } }, running, shared)

test('a candidate runs beside the previous container when they share nothing that one can have', () => {
  expect(choose([])).toEqual({ kind: 'candidate' })
  expect(choose(['other:/data'])).toEqual({ kind: 'candidate' })
})

test('the previous one ends first where both would write to a volume, unless the runbook says that they may', () => {
  expect(choose(['orders-data:/data'])).toEqual({
    kind: 'stop-first',
    why: 'both would write to volume orders-data at /data',
  })
  expect(choose(['orders-data:/data'], ['/data/'])).toEqual({ kind: 'candidate' })
  expect(choose(['orders-data:/data', '/srv/uploads:/uploads'], ['/data'])).toEqual({
    kind: 'stop-first',
    why: 'both would write to folder /srv/uploads at /uploads',
  })
})

test('the previous one ends first on the network of the host', () => {
  expect(choose([], [], 'host').kind).toBe('stop-first')
})
