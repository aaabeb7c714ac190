import { HttpError } from './errors.js'

const CACHE_SECONDS = 60
const UNIQUE_VIOLATION = '23505'

/** @typedef {{id: number, email: string, name: string, createdAt: string}} User */

/** The users, in PostgreSQL; single ones are kept in the cache for a minute. */
export class Users {
  #database
  #cache

  /** @param {{database: import('./database.js').Database, cache: import('./cache.js').Cache}} ports */
  constructor({ database, cache }) {
    this.#database = database
    this.#cache = cache
  }

  /**
   * @param {{email: string, name: string}} user
   * @returns {Promise<User>}
   * @throws {HttpError} 409 when the address is taken
   */
  async create({ email, name }) {
    try {
      const rows = await this.#database.query(
        'INSERT INTO users (email, name, last_seen_at) VALUES ($1, $2, now()) RETURNING id, email, name, created_at',
        [email, name],
      )
      return toUser(rows[0])
    } catch (error) {
      if (/** @type {{code?: unknown}} */ (error).code !== UNIQUE_VIOLATION) throw error
      throw new HttpError(409, 'email-taken', 'There is a user with this email address.')
    }
  }

  /**
   * The users after an id, in the order of their ids.
   * @param {{after: number, limit: number}} page
   * @returns {Promise<User[]>}
   */
  async list({ after, limit }) {
    const rows = await this.#database.query(
      'SELECT id, email, name, created_at FROM users WHERE id > $1 ORDER BY id LIMIT $2',
      [after, limit],
    )
    return rows.map(toUser)
  }

  /**
   * @param {number} id
   * @returns {Promise<{user: User, cached: boolean}>}
   * @throws {HttpError} 404
   */
  async find(id) {
    const cached = await this.#cache.get(key(id))
    if (cached !== undefined) return { user: /** @type {User} */ (cached), cached: true }
    const [row] = await this.#database.query('SELECT id, email, name, created_at FROM users WHERE id = $1', [
      id,
    ])
    if (!row) throw new HttpError(404, 'user-not-found', 'There is no user with this id.')
    const user = toUser(row)
    await this.#cache.set(key(id), user, CACHE_SECONDS)
    return { user, cached: false }
  }

  /** @param {number} id @returns {Promise<boolean>} whether there was one */
  async delete(id) {
    const rows = await this.#database.query('DELETE FROM users WHERE id = $1 RETURNING id', [id])
    await this.#cache.delete(key(id))
    return rows.length > 0
  }

  /** Notes that the user is active; writes once a minute at most. @param {number} id */
  async seen(id) {
    await this.#database.query(
      `UPDATE users SET last_seen_at = now()
       WHERE id = $1 AND (last_seen_at IS NULL OR last_seen_at < now() - interval '1 minute')`,
      [id],
    )
  }

  /** How many users were created or called with their token in the last 15 minutes. @returns {Promise<number>} */
  async countActive() {
    const [row] = await this.#database.query(
      `SELECT count(*)::int AS active FROM users WHERE last_seen_at > now() - interval '15 minutes'`,
    )
    return row.active
  }
}

/** @param {number} id */
const key = id => `runbook-api:user:${id}`

/** @param {{id: string, email: string, name: string, created_at: Date}} row @returns {User} */
const toUser = row => ({
  id: Number(row.id),
  email: row.email,
  name: row.name,
  createdAt: row.created_at.toISOString(),
})
