/**
 * Docker's HEALTHCHECK: ends with 0 when this container's service is ready, else with 1. Docker keeps what it prints.
 */
const url = `http://127.0.0.1:${process.env.PORT || 3000}/ready`
try {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
  process.stdout.write(await response.text())
  process.exitCode = response.ok ? 0 : 1
} catch (error) {
  process.stdout.write(`${url}: ${/** @type {Error} */ (error).message}\n`)
  process.exitCode = 1
}
