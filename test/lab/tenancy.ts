import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { CreateBucketCommand, DeleteBucketCommand, DeleteObjectsCommand } from '@aws-sdk/client-s3'
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import pg from 'pg'
import type { Lab } from './lab.ts'

/*
 * Each test takes a database, a bucket and a namespace of its own, so that tests can run beside each other.
 */

/** A statement as the lab's superuser. Names are quoted by the server's own rules. */
async function administer(lab: Lab, statement: (quote: (name: string) => string) => string): Promise<void> {
  const client = new pg.Client({ connectionString: lab.postgres.url })
  await client.connect()
  try {
    await client.query(statement(name => client.escapeIdentifier(name)))
  } finally {
    await client.end()
  }
}

/** Makes an empty database and gives its URL, as this machine reaches it; pods need `lab.hostIp` for the host. */
export async function createDatabase(lab: Lab, name: string): Promise<string> {
  await administer(lab, quote => `CREATE DATABASE ${quote(name)}`)
  const url = new URL(lab.postgres.url)
  url.pathname = `/${encodeURIComponent(name)}`
  return url.href
}

/** Removes a database with all sessions connected to it, if it is there. */
export function dropDatabase(lab: Lab, name: string): Promise<void> {
  return administer(lab, quote => `DROP DATABASE IF EXISTS ${quote(name)} WITH (FORCE)`)
}

function s3Of({ s3: { endpoint, accessKeyId, secretAccessKey, region } }: Lab): S3Client {
  const credentials = { accessKeyId, secretAccessKey }
  return new S3Client({ endpoint, region, credentials, forcePathStyle: true })
}

/** Makes a bucket; its name needs 3 characters or more. */
export async function createBucket(lab: Lab, name: string): Promise<void> {
  const client = s3Of(lab)
  try {
    await client.send(new CreateBucketCommand({ Bucket: name }))
  } finally {
    client.destroy()
  }
}

/** Removes a bucket with all that is in it. */
export async function deleteBucket(lab: Lab, name: string): Promise<void> {
  const client = s3Of(lab)
  try {
    for (;;) {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: name }))
      if (Contents.length === 0) break
      const Objects = Contents.map(({ Key }) => ({ Key }))
      await client.send(new DeleteObjectsCommand({ Bucket: name, Delete: { Objects } }))
    }
    await client.send(new DeleteBucketCommand({ Bucket: name }))
  } finally {
    client.destroy()
  }
}

/** Runs the lab's kubectl against the lab's cluster and gives what it wrote. */
export async function kubectl(lab: Lab, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(lab.kubectl, ['--kubeconfig', lab.kubeconfig, ...args], {
    maxBuffer: 16 * 1024 * 1024,
  })
  return stdout
}

/** Removes a namespace, if it is there, and waits until its pods are gone too. */
export async function deleteNamespace(lab: Lab, name: string): Promise<void> {
  await kubectl(lab, 'delete', 'namespace', name, '--ignore-not-found', '--wait', '--timeout=120s')
}
