/** Where this process is between its start and its end. Health and readiness are read off it. */
export class Lifecycle {
  /** The schema is up to date and the cache has answered once: a wrong address or password is found before traffic comes. */
  started = false
  /** SIGTERM has come: finish what is there, take nothing new. */
  draining = false
  #startedAt = performance.now()

  /** Seconds since the process began. */
  get uptime() {
    return Math.round((performance.now() - this.#startedAt) / 100) / 10
  }
}
