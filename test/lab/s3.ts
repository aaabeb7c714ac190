import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Part } from './part.ts'
import { hostIp, ports } from './places.ts'
import { secret } from './secrets.ts'
import { listens, mustBeFree } from './workshop.ts'

const daemon = 's3/versitygw'
const accessKeyId = 'lab'
const region = 'us-east-1'

/** An S3 server: versitygw over a folder. Bucket names need 3 characters or more. */
export const s3: Part = {
  name: 's3',
  after: ['network'],
  packages: () => [],
  async up(shop) {
    const file = await shop.programs.build('versitygw')
    const folders = ['buckets', 'metadata'].map(name => join(shop.places.state, 's3', name))
    for (const folder of folders) mkdirSync(folder, { recursive: true })
    const [buckets = '', metadata = ''] = folders
    const secretAccessKey = secret(shop.places.state, 's3')
    await mustBeFree(shop, daemon, ports.s3)
    const addresses = ['127.0.0.1', hostIp].flatMap(ip => ['--port', `${ip}:${ports.s3}`])
    shop.daemons.start({
      name: daemon,
      file,
      // Not every file system keeps extended attributes, versitygw's own place for metadata.
      args: [...addresses, '--region', region, '--quiet', 'posix', '--sidecar', metadata, buckets],
      env: {
        ROOT_ACCESS_KEY_ID: accessKeyId,

        ROOT_SECRET_ACCESS_KEY: secretAccessKey,
      },
    })
    await shop.until(`S3 on port ${ports.s3}`, daemon, 10, () => listens(ports.s3, hostIp))
    return { s3: { endpoint: `http://127.0.0.1:${ports.s3}`, accessKeyId, secretAccessKey, region } }
  },
  clean({ places }) {
    rmSync(join(places.state, 's3'), { recursive: true, force: true })
    return Promise.resolve()
  },
}
