import { describe, expect, test } from '@jest/globals'
import { adoptionOf, settingsLeftOut } from '../../../shared/targets/process/adopt.ts'
import type { App } from '../../../shared/targets/process/pm2.ts'

const home = { PM2_HOME: '/home/ada/.pm2' }

function app(settings: Record<string, unknown>, id = 0): App {
  return {
    name: 'orders',
    pid: 100 + id,
    pm2_env: {
      status: 'online',
      pm_uptime: 1,
      unstable_restarts: 0,
      restart_time: 0,
      pm_id: id,
      pm_cwd: '/srv/orders',
      pm_exec_path: '/srv/orders/server.js',
      exec_interpreter: 'node',
      exec_mode: 'fork_mode',
      instance_var: 'NODE_APP_INSTANCE',
      NODE_APP_INSTANCE: id,
      GREETING: 'hello',
      axm_monitor: {},
      pm_out_log_path: '/home/ada/.pm2/logs/orders-out.log',
      pm_err_log_path: '/home/ada/.pm2/logs/orders-error.log',
      pm_pid_path: `/home/ada/.pm2/pids/orders-${id}.pid`,
      env: { GREETING: 'hello', unique_id: 'x', orders: '{}', PM2_USAGE: 'CLI' },
      ...settings,
    },
  }
}

test('an app is started again as it was, without what pm2 makes by itself', () => {
  expect(adoptionOf([app({ kill_timeout: 4000, cron_restart: null })], home)).toEqual({
    options: {
      cwd: '/srv/orders',
      script: '/srv/orders/server.js',
      interpreter: 'node',
      exec_mode: 'fork',
      instances: 1,
      instance_var: 'NODE_APP_INSTANCE',
      kill_timeout: 4000,
      env: { GREETING: 'hello' },
    },
    lost: [],
  })
})

test('files that were named keep their names, without the number of an instance', () => {
  const files = {
    exec_mode: 'cluster_mode',
    pm_out_log_path: '/var/log/orders-1.log',
    env_production: { A: '1' },
  }
  const { options } = adoptionOf([app(files, 1), app(files, 2)], home)
  expect(options).toMatchObject({
    exec_mode: 'cluster',
    instances: 2,
    out_file: '/var/log/orders.log',
    env_production: { A: '1' },
  })
  const merged = adoptionOf([app({ pm_out_log_path: '/var/log/orders-1.log', merge_logs: true }, 1)], home)
  expect(merged.options).toMatchObject({ out_file: '/var/log/orders-1.log' })
})

describe('what cannot be restored is listed', () => {
  test('a setting that this suite does not know', () => {
    expect(adoptionOf([app({ numa_node: 1, quiet: false })], home).lost).toEqual(['the setting numa_node'])
  })

  test('two apps of one name', () => {
    const other = app({ pm_exec_path: '/srv/worker.js', namespace: 'jobs' }, 1)
    expect(adoptionOf([app({}), other], home).lost).toEqual([
      'processes of one name with different pm_exec_path',
      'processes of one name with different namespace',
    ])
  })
})

test('settings that a release does not take over are reported, arguments without their text', () => {
  const settings = { max_memory_restart: 1024, args: ['--token', 's3cret'], autorestart: false, watch: false }
  expect(settingsLeftOut(adoptionOf([app(settings), app(settings, 1)], home))).toEqual([
    'instances 2',
    'autorestart false',
    'args',
    'max_memory_restart 1024',
  ])
  expect(settingsLeftOut(adoptionOf([app({})], home))).toEqual([])
})
