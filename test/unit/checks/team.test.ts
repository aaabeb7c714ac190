import { describe, expect, test } from '@jest/globals'
import { freeze } from '../../../shared/checks/team/freeze.ts'
import { onCall } from '../../../shared/checks/team/on-call.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { resolveChecks } from '../../../shared/config/checks.ts'
import { contextOf } from './context.ts'

type Said = Parameters<typeof resolveChecks>[1]
const environment = (said: Said) => ({ name: 'production', checks: resolveChecks(key => key, said) })

describe('the freeze check', () => {
  const freezes = [
    { from: 'Fri 16:00', to: 'Mon 08:00', 'time-zone': 'Asia/Seoul', reason: 'the office is closed' },
    { from: '2026-12-20', to: '2027-01-04', reason: 'end of the year' },
    { from: '12:00', to: '12:10', reason: 'the nightly sums of another continent' },
  ]
  const at = (moment: string) =>
    freeze.run(
      contextOf(environment({ freeze: freezes }), {
        clock: { ...systemClock, now: () => Date.parse(moment) },
      }),
    )

  test('fails within a window, in its own time zone, and says until when', async () => {
    // Friday 16:30 in Seoul.
    expect(await at('2026-11-27T07:30Z')).toMatchObject({
      result: 'fail',
      finding: 'frozen from Fri 16:00 to Mon 08:00 (Asia/Seoul): the office is closed',
      remedy: expect.stringContaining('Wait until Mon 08:00 (Asia/Seoul).'),
    })
    expect(await at('2026-12-30T12:00Z')).toMatchObject({ result: 'fail' })
  })

  test('warns shortly before, and passes otherwise', async () => {
    expect(await at('2026-11-27T06:31Z')).toMatchObject({ result: 'warn' })
    expect(await at('2026-11-27T06:29Z')).toMatchObject({ result: 'pass', finding: 'none of 3 is on' })
  })

  test('warns also of one that begins and ends within the half hour', async () => {
    expect(await at('2026-11-25T11:45Z')).toMatchObject({
      result: 'warn',
      finding: expect.stringContaining('from 12:00 to 12:10'),
    })
    expect(await at('2026-11-25T12:10Z')).toMatchObject({ result: 'pass' })
  })
})

describe('the on-call check', () => {
  const people = (...contacts: string[]) =>
    onCall.run(contextOf(environment({ 'on-call': contacts.map(contact => ({ name: 'Ada', contact })) })))

  test('passes with those who can be reached, in their order', async () => {
    const contacts = [
      '+82 2 312 4567',
      'ada@org.dev',
      '#incidents',
      '@ada',
      'https://pager.org.dev/ada',
      'tel:+4930901820',
    ]
    const { result, finding } = await people(...contacts)
    expect([result, finding]).toEqual(['pass', contacts.map(contact => `Ada (${contact})`).join(', ')])
  })

  test.each([
    'CHANGE_THIS',
    '<phone>',
    'ada@example.com',
    '+1 202 555 0123',
    '000-0000-0000',
    '123',
    'ask Bob',
    'xxx',
  ])('fails for %s', async contact => {
    expect(await people('#incidents', contact)).toMatchObject({
      result: 'fail',
      finding: `no person is reached by Ada: ${contact}`,
    })
  })

  test('warns where the runbook names no contact', async () => {
    expect(await onCall.run(contextOf({ name: 'production' }))).toMatchObject({ result: 'warn' })
  })
})
