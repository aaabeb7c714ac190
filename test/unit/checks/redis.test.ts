import { expect, test } from '@jest/globals'
import ioredis from 'ioredis'
import { redis } from '../../../shared/checks/infrastructure/redis.ts'
import { parseRedisUrl } from '../../../shared/integrations/database/redis.ts'
import { contextOf } from './context.ts'

test('a URL with a lone % is what is wrong, not the check', async () => {
  const config = () => ({ REDIS_URL: 'redis://:50%off@cache:6379' })
  const target = { kind: 'docker' as const, container: 'api', ports: ['1:1'] }
  const asked = redis.run(contextOf({ target, envFile: '.env' }, { config }))
  await expect(asked).rejects.toMatchObject({
    name: 'InputError',
    message: 'REDIS_URL has a % that is not followed by two hexadecimal digits',
    hint: expect.not.stringContaining('50'),
  })
})

test('of two passwords it tries the one that the service takes', () => {
  const url = 'redis://:%C3%A4lter@cache:6379'
  expect(parseRedisUrl('REDIS_URL', url, 'beside').password).toBe('älter')
  expect(parseRedisUrl('REDIS_URL', 'redis://cache:6379', 'beside').password).toBe('beside')
  const { options } = new ioredis.Redis(url, { password: 'beside', lazyConnect: true })
  expect(options.password).toBe('älter')
})
