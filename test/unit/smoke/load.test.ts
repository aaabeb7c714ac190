import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { systemClock as clock } from '../../../shared/host/clock.ts'
import { parsePercent } from '../../../shared/config/values.ts'
import { sendLoad } from '../../../shared/smoke/load.ts'
import { one, openStage, type Stage } from './stage.ts'

let stage: Stage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage.close())

describe('the load', () => {
  test('sends as many requests as asked, not more at a time, and measures them', async () => {
    let [now, most, all] = [0, 0, 0]
    stage.handle = (_, response) => {
      all += 1
      now += 1
      most = Math.max(most, now)
      setImmediate(() => {
        now -= 1
        response.end('{}')
      })
    }
    const { load, passed, failed } = await stage.smoke(one, { requests: 100, maxRate: 1e6 })
    expect({ passed, failed, sent: load?.sent, failures: load?.failed }).toEqual({
      passed: 2,
      failed: 0,
      sent: 100,
      failures: 0,
    })
    expect(all).toBe(101)
    expect(most).toBeLessThanOrEqual(4)
    const { p50 = NaN, p95 = NaN, p99 = NaN, max = NaN } = load?.percentiles ?? {}
    expect(p50).toBeGreaterThan(0)
    expect([p50, p95, p99, max].toSorted((a, b) => a - b)).toEqual([p50, p95, p99, max])
  })

  test('keeps to its rate', async () => {
    const { load } = await stage.smoke(one, { requests: 21, maxRate: 100 })
    expect(load?.rps).toBeLessThanOrEqual(106)
  })

  test('ends as soon as more have failed than may', async () => {
    let all = 0
    stage.handle = (request, response) => {
      all += 1
      response.writeHead(request.url === '/' ? 200 : 500).end()
    }
    const { failed, load, evidence } = await stage.smoke(one, {
      requests: 1_000,
      maxRate: 1e6,
      maxErrorRate: 0.01,
    })
    expect(failed).toBe(1)
    expect(load?.stopped).toBe('rise')
    expect(all).toBeLessThan(12)
    expect(evidence.at(-1)).toMatchObject({ subject: 'load', finding: expect.stringContaining('500 (') })
  })

  test.each([
    ['0.7%', 7, 0],
    ['0.7%', 8, 1],
    ['2.9%', 29, 0],
  ])('of 1000 of which %s may fail, and %i do, has %i failure', async (rate, failures, failed) => {
    let all = 0
    stage.handle = (request, response) => {
      all += 1
      const isBad = request.url !== '/' && all % 30 === 0 && all <= 30 * failures
      response.writeHead(isBad ? 500 : 200).end()
    }
    const said = { requests: 1_000, maxRate: 1e6, maxErrorRate: parsePercent('', rate) }
    const result = await stage.smoke(one, said)
    expect([result.load?.failed, result.failed]).toEqual([failures, failed])
  })

  test('of which all may fail is sent to its end, whatever is answered', async () => {
    let all = 0
    stage.handle = (_, response) => {
      all += 1
      response.writeHead(all % 2 === 0 ? 500 : 200).end()
    }
    const { failed, load } = await stage.smoke(one, { requests: 20, maxRate: 1e6, maxErrorRate: 1 })
    expect([failed, load?.sent, load?.failed, load?.stopped]).toEqual([0, 20, 10, undefined])
  })

  test('ends with the run that is cancelled, and sends nothing more', async () => {
    const controller = new AbortController()
    let all = 0
    stage.handle = (_, response) => {
      all += 1
      if (all === 10) controller.abort(new Error('cancelled'))
      response.end()
    }
    const plan = {
      url: stage.url,
      headers: {},
      requests: 1e6,
      concurrency: 4,
      maxRate: 1e6,
      maxErrorRate: 0,
      timeoutMs: 1_000,
    }
    await expect(sendLoad(plan, clock, controller.signal)).rejects.toThrow('cancelled')
    expect(all).toBeLessThanOrEqual(14)
  })

  test('is refused when it cannot end in time, before anything is sent', async () => {
    stage.handle = () => {
      throw new Error('nothing may be sent')
    }
    await expect(stage.smoke(one, { requests: 6_000, maxRate: 10, withinMs: 600_000 })).rejects.toThrow(
      'requests is 6000, which takes 10 min 0 s at 10 a second; the step has 10 min 0 s',
    )
  })

  test('fails when it is slower than asked', async () => {
    const { failed, evidence } = await stage.smoke(one, { requests: 20, maxRate: 1e6, maxP95Ms: 0.001 })
    expect(failed).toBe(1)
    expect(evidence.at(-1)?.finding).toContain('p95')
  })

  test('is not sent to a service that failed its suite', async () => {
    stage.handle = (_, response) => void response.writeHead(500).end()
    const { load, failed } = await stage.smoke(one, { requests: 100 })
    expect(load).toBeUndefined()
    expect(failed).toBe(1)
  })
})
