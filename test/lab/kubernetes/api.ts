import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { server, type Certificates } from './certificates.ts'

/** Reads a path of the API as the administrator. Undefined while nothing, or something other than 200, answers. */
export function read(files: Certificates, path: string): Promise<string | undefined> {
  return new Promise(resolve => {
    const call = request(
      `${server}${path}`,
      {
        ca: readFileSync(files.ca),
        cert: readFileSync(files.certificate('admin')),
        key: readFileSync(files.key('admin')),
        agent: false,
        timeout: 3000,
      },
      answer => {
        let text = ''
        answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        answer.on('end', () => resolve(answer.statusCode === 200 ? text : undefined))
      },
    )
    call.on('error', () => resolve(undefined)).on('timeout', () => call.destroy(new Error('timed out')))
    call.end()
  })
}
