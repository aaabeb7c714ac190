import { HttpError } from '../errors.js'
import { callerId, issueToken } from '../identity.js'
import { newUser, page, userId } from '../validation.js'

/**
 * `/api/v1/users`. The client that creates a user gets a token for it; a request that carries one counts its user as active,
 * and only a user's own token deletes it.
 * @param {import('../service.js').Ports} ports
 * @returns {import('../router.js').Route[]}
 */
export function usersRoutes({ config, users }) {
  return [
    {
      method: 'GET',
      path: '/api/v1/users',
      handle: async ({ query }) => {
        const asked = page(query)
        const found = await users.list(asked)
        const next = found.length === asked.limit ? found[found.length - 1]?.id : null
        return { status: 200, json: { users: found, next } }
      },
    },
    {
      method: 'POST',
      path: '/api/v1/users',
      handle: async ({ json }) => {
        const user = await users.create(newUser(await json()))
        const headers = { location: `/api/v1/users/${user.id}` }
        return { status: 201, headers, json: { user, token: issueToken(user.id, config.jwtSecret) } }
      },
    },
    {
      method: 'GET',
      path: '/api/v1/users/:id',
      handle: async ({ params, headers }) => {
        const id = userId(params.id ?? '')
        if (headers.authorization !== undefined)
          await users.seen(callerId(headers.authorization, config.jwtSecret))
        const { user, cached } = await users.find(id)
        return { status: 200, headers: { 'x-cache': cached ? 'hit' : 'miss' }, json: { user } }
      },
    },
    {
      method: 'DELETE',
      path: '/api/v1/users/:id',
      handle: async ({ params, headers }) => {
        const id = userId(params.id ?? '')
        const caller = callerId(headers.authorization, config.jwtSecret)
        if (caller !== id)
          throw new HttpError(403, 'forbidden', 'A user can be deleted with its own token only.')
        if (!(await users.delete(id)))
          throw new HttpError(404, 'user-not-found', 'There is no user with this id.')
        return { status: 204 }
      },
    },
  ]
}
