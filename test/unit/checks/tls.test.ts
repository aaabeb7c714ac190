import { expect, test } from '@jest/globals'
import { judgeChoices } from '../../../shared/checks/environment/tls.ts'
import { offer } from '../../../shared/integrations/http/client-hello.ts'

const trial = (what: string) => ({ what, result: 'fail' as const })

test('what could not be asked is not taken for refused', async () => {
  const asked = offer(
    new URL('https://127.0.0.1:1'),
    { version: 0x0301, ciphers: [0x002f] },
    { timeoutMs: 5_000, signal: new AbortController().signal },
  )
  expect(await asked).toBe('unasked')
  expect(judgeChoices([{ trial: trial('RC4'), choice: undefined }])).toMatchObject([{ result: 'pass' }])
  const partly = [
    { trial: trial('RC4'), choice: undefined },
    { trial: trial('TLS 1.0'), choice: 'unasked' as const },
  ]
  expect(judgeChoices(partly)).toMatchObject([
    { result: 'warn', finding: 'not asked for want of a connection: TLS 1.0' },
  ])
})
