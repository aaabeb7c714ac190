/** How long callers get to notice: every answer meanwhile says `Connection: close`. Ends sooner when no client is connected. */
const NOTICE_MS = 1_000
const POLL_MS = 25

/**
 * Ends an HTTP server without losing a request: first it goes on answering, telling each caller to reconnect elsewhere;
 * then it takes no new connections, closes idle ones and waits for what is in flight; what is left at the deadline is cut.
 * Set `lifecycle.draining` before.
 * @param {import('node:http').Server} server
 * @param {number} timeout milliseconds for all of it
 * @returns {Promise<{cut: number}>} how many connections were cut with a request in flight
 */
export async function closeServer(server, timeout) {
  const deadline = performance.now() + timeout
  await until(
    async () => (await connections(server)) === 0,
    Math.min(performance.now() + NOTICE_MS, deadline),
  )
  const closed = new Promise(resolve => server.close(resolve))
  const done = await until(async () => {
    server.closeIdleConnections()
    return (await connections(server)) === 0
  }, deadline)
  const cut = done ? 0 : await connections(server)
  server.closeAllConnections()
  await closed
  return { cut }
}

/**
 * @param {() => Promise<boolean>} condition
 * @param {number} deadline on performance.now()
 * @returns {Promise<boolean>} whether it came true in time
 */
async function until(condition, deadline) {
  while (!(await condition())) {
    if (performance.now() >= deadline) return false
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
  return true
}

/** @param {import('node:http').Server} server @returns {Promise<number>} */
function connections(server) {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}
