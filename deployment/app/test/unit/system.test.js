import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

import { readCgroup } from '../../src/cgroup.js'
import { cpuBetween, System } from '../../src/system.js'

/**
 * @param {import('node:test').TestContext} context
 * @param {Record<string, string>} files
 */
async function root(context, files) {
  const folder = await mkdtemp(join(tmpdir(), 'cgroup-'))
  context.after(() => rm(folder, { recursive: true }))
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  return folder
}

test('version 2, inside a container', async context => {
  const folder = await root(context, {
    'proc/self/cgroup': '0::/\n',
    'sys/fs/cgroup/cgroup.controllers': 'cpu memory\n',
    'sys/fs/cgroup/memory.max': '268435456\n',
    'sys/fs/cgroup/memory.current': '150000000\n',
    'sys/fs/cgroup/memory.stat': 'anon 90000000\nfile 60000000\ninactive_file 50000000\n',
    'sys/fs/cgroup/cpu.max': '50000 100000\n',
    'sys/fs/cgroup/cpu.stat': 'usage_usec 2500000\nuser_usec 1\n',
  })
  assert.deepEqual(readCgroup(folder), {
    memoryLimit: 268435456,
    memoryUsed: 100000000,
    cpuLimit: 0.5,
    cpuUsed: 2.5,
  })
})

test('version 2, a service of the host without limits', async context => {
  const folder = await root(context, {
    'proc/self/cgroup': '0::/system.slice/runbook.service\n',
    'sys/fs/cgroup/cgroup.controllers': 'cpu memory\n',
    'sys/fs/cgroup/system.slice/runbook.service/memory.max': 'max\n',
    'sys/fs/cgroup/system.slice/runbook.service/memory.current': '1000\n',
    'sys/fs/cgroup/system.slice/runbook.service/cpu.max': 'max 100000\n',
  })
  const { memoryLimit, memoryUsed, cpuLimit } = readCgroup(folder)
  assert.deepEqual(
    { memoryLimit, memoryUsed, cpuLimit },
    { memoryLimit: undefined, memoryUsed: 1000, cpuLimit: undefined },
  )
})

test('version 1, inside a container whose own group is mounted at the root', async context => {
  const folder = await root(context, {
    'proc/self/cgroup': '5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '134217728\n',
    'sys/fs/cgroup/memory/memory.usage_in_bytes': '70000000\n',
    'sys/fs/cgroup/memory/memory.stat': 'inactive_file 1\ntotal_inactive_file 20000000\n',
    'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '150000\n',
    'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    'sys/fs/cgroup/cpuacct/cpuacct.usage': '3000000000\n',
  })
  assert.deepEqual(readCgroup(folder), {
    memoryLimit: 134217728,
    memoryUsed: 50000000,
    cpuLimit: 1.5,
    cpuUsed: 3,
  })
})

test('version 1 writes "no limit" as a huge number and as -1', async context => {
  const folder = await root(context, {
    'proc/self/cgroup': '5:memory:/\n4:cpu:/\n',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
    'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
  })
  const { memoryLimit, cpuLimit } = readCgroup(folder)
  assert.deepEqual({ memoryLimit, cpuLimit }, { memoryLimit: undefined, cpuLimit: undefined })
})

test('without control groups everything is unknown', async context => {
  const nothing = { memoryLimit: undefined, memoryUsed: undefined, cpuLimit: undefined, cpuUsed: undefined }
  assert.deepEqual(readCgroup(await root(context, {})), nothing)
})

const sample = { at: 100, cgroupUsed: 10, limit: 0.5, busy: 1_000, all: 4_000 }

test('with a CPU limit, 100% is the limit', () => {
  const later = { ...sample, at: 110, cgroupUsed: 14, busy: 1_020, all: 4_020 }
  assert.deepEqual(cpuBetween(sample, later), { usedPercent: 80, of: 'container limit' })
})

test('without one, 100% is all cores of the host', () => {
  const unlimited = { ...sample, limit: undefined }
  assert.deepEqual(cpuBetween(unlimited, { ...unlimited, at: 110, busy: 1_005, all: 4_020 }), {
    usedPercent: 25,
    of: 'host',
  })
})

test('nothing is said about no time at all', () => {
  assert.equal(cpuBetween(sample, sample).usedPercent, null)
})

test('this machine can be measured', async context => {
  const system = new System()
  context.after(() => system.stop())
  const memory = system.memory()
  const disk = await system.disk()
  for (const percent of [memory.usedPercent, disk.usedPercent]) {
    assert(percent !== null && percent > 0 && percent <= 100, String(percent))
  }
  assert(memory.usedBytes <= memory.totalBytes)
  assert(disk.of.startsWith('file system of /'))
  assert(system.eventLoopDelay().p50 >= 0)
})
