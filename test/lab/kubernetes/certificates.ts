import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hostIp, ports } from '../places.ts'
import type { Workshop } from '../workshop.ts'

/** The API server's address, for pods and for this machine. */
export const server = `https://${hostIp}:${ports.apiserver}`
/** The node's name. */
export const node = 'lab'
/** The first address of the Service network: `kubernetes.default`. */
const serviceIp = '10.254.32.1'

/** Who takes part. The common name and organisation are the user and group that RBAC's built-in rules know. */
const holders = {
  apiserver: { subject: '/CN=kube-apiserver', names: [hostIp, serviceIp, '127.0.0.1'] },
  admin: { subject: '/O=system:masters/CN=lab-admin' },
  'controller-manager': { subject: '/CN=system:kube-controller-manager' },
  scheduler: { subject: '/CN=system:kube-scheduler' },
  kubelet: { subject: `/O=system:nodes/CN=system:node:${node}` },
  'kube-proxy': { subject: '/CN=system:kube-proxy' },
  /** The API server, where it passes requests on to another server of the API. */
  'front-proxy': { subject: '/CN=front-proxy' },
  'metrics-server': {
    subject: '/CN=metrics-server',
    names: [hostIp],
    host: 'metrics-server.kube-system.svc',
  },
} satisfies Record<string, Identity>

interface Identity {
  subject: string
  /** IP addresses, for one that serves. */
  names?: string[]
  /** The name that it serves under; default: that of the API server. */
  host?: string
}

export type Holder = keyof typeof holders

/** The files of the cluster's own certificate authority. */
export interface Certificates {
  ca: string
  caKey: string
  /** Signs service account tokens. */
  tokenKey: string
  certificate(holder: Holder): string
  key(holder: Holder): string
  kubeconfig(holder: Holder): string
}

/** Where the certificates are, whether or not they have been made. */
export function certificatesIn(state: string): Certificates {
  const file = (name: string) => join(state, 'certificates', name)
  return {
    ca: file('ca.crt'),
    caKey: file('ca.key'),
    tokenKey: file('tokens.key'),
    certificate: holder => file(`${holder}.crt`),
    key: holder => file(`${holder}.key`),
    kubeconfig: holder => join(state, 'kubeconfigs', `${holder}.json`),
  }
}

/** Makes them all, unless they are there. They last ten years: the lab is not what tests renewal. */
export async function makeCertificates({ places, run }: Workshop): Promise<Certificates> {
  const made = certificatesIn(places.state)
  const folder = join(places.state, 'certificates')
  const complete = join(folder, 'complete')
  if (!existsSync(complete)) await makeAuthority(made, folder, run)
  mkdirSync(join(places.state, 'kubeconfigs'), { recursive: true })
  const issue = async ([name, holder]: [string, Identity]) => {
    const [certificate, key] = [made.certificate(name as Holder), made.key(name as Holder)]
    const alternatives = (holder.names ?? []).map(ip => `IP:${ip}`)
    const extensions = [
      'basicConstraints=critical,CA:FALSE',
      'extendedKeyUsage=clientAuth,serverAuth',
      ...(alternatives.length > 0
        ? [`subjectAltName=${alternatives.join(',')},DNS:${holder.host ?? 'kubernetes.default.svc'}`]
        : []),
    ].flatMap(extension => ['-addext', extension])
    const signer = ['-CA', made.ca, '-CAkey', made.caKey]
    await run('openssl', [
      ...request,
      ...signer,
      '-subj',
      holder.subject,
      ...extensions,
      '-keyout',
      key,
      '-out',
      certificate,
    ])
    writeFileSync(made.kubeconfig(name as Holder), kubeconfig(made, name as Holder), { mode: 0o600 })
  }
  // A lab that runs keeps its authority; who is new gets a certificate of it.
  const lacking = Object.entries(holders).filter(([name]) => !existsSync(made.kubeconfig(name as Holder)))
  await Promise.all(lacking.map(issue))
  writeFileSync(complete, '')
  return made
}

const request = [
  'req',
  '-x509',
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
  '-nodes',
  '-days',
  '3650',
]

async function makeAuthority(made: Certificates, folder: string, run: Workshop['run']): Promise<void> {
  const { ca, caKey, tokenKey } = made
  rmSync(folder, { recursive: true, force: true })
  rmSync(join(made.kubeconfig('admin'), '..'), { recursive: true, force: true })
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  await run('openssl', [...request, '-subj', '/CN=runbook-lab', '-keyout', caKey, '-out', ca])
  await run('openssl', ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', tokenKey])
}

/** A kubeconfig that needs no other file, in JSON, which every reader of YAML takes. */
function kubeconfig(files: Certificates, holder: Holder): string {
  const inline = (file: string) => readFileSync(file).toString('base64')
  const user = {
    'client-certificate-data': inline(files.certificate(holder)),
    'client-key-data': inline(files.key(holder)),
  }
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'lab',
    clusters: [{ name: 'lab', cluster: { server, 'certificate-authority-data': inline(files.ca) } }],
    users: [{ name: holder, user }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: holder } }],
  })
}
