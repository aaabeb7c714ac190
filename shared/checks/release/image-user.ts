import { ToolError } from '../../outcome/errors.ts'
import { readImageConfig } from '../../integrations/registry/image-config.ts'
import { fail, pass, skip, type Check, type CheckContext } from '../check.ts'
import { findImage } from './image-exists.ts'
import { usersOf } from './workload-user.ts'

/** The guide's `docker inspect ... .Config.User`: an attacker who breaks into a process of root is root. */
export const imageUser: Check = {
  id: 'image-user',
  title: 'The image does not run as root',
  inapplicable: ({ target }) => (target.kind === 'process' ? 'a process target has no image' : ''),
  async run(context) {
    const { image, environment } = context
    if (image === '') return skip('no image was named: set image to check it')
    const user = await userOf(context)
    const { target, root } = environment
    const users = target.kind === 'kubernetes' ? await usersOf(target, root, image) : []
    if (users.includes(0))
      return fail(
        `the manifests make it root (runAsUser: 0), whatever the image says (${user || 'root'})`,
        'Take runAsUser: 0 out of the securityContext of the workload, or set it to a number above 0.',
      )
    if (!isRoot(user)) return pass(`it runs as ${user}`)
    const [first] = users
    if (first !== undefined && !users.includes(undefined))
      return pass(`the image says root, and the manifests make it user ${first}`)
    return fail(
      `it runs as root (USER is ${user === '' ? 'not set' : user})`,
      'Add USER 1000:1000 to the end of its Dockerfile, as a number, so that Kubernetes can tell that it is not root.',
    )
  },
}

async function userOf(context: CheckContext): Promise<string> {
  const { environment, exec, env, image, signal } = context
  const pinned = await findImage(context, '', image)
  const tokenHosts = environment.image?.tokenHosts ?? []
  if (!pinned.startsWith('sha256:'))
    return (await readImageConfig(pinned, { env, exec, signal, tokenHosts })).user
  // It was built on that host, and no registry has it.
  const host = environment.target.kind === 'docker' ? environment.target.host : undefined
  const args = [
    ...(host === undefined ? [] : ['--host', host]),
    'image',
    'inspect',
    '--format',
    '{{.Config.User}}',
  ]
  const { code, stdout, stderr } = await exec.run('docker', [...args, pinned], { env, signal })
  if (code === 0) return stdout.trim()
  throw new ToolError(`docker does not show the image ${pinned}`, {
    tool: 'docker',
    code,
    stderr,
    hint: `Run docker ${[...args.slice(0, -2), pinned].join(' ')} and see what it lacks: ${stderr.trim().split('\n').at(-1) ?? ''}`,
  })
}

function isRoot(user: string): boolean {
  const [name = ''] = user.split(':')
  return name === '' || name === 'root' || /^0+$/.test(name)
}
