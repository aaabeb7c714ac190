import { readService } from './process.js'
import { openService } from './service.js'

const { config, log } = await readService()

process.on('uncaughtException', error => {
  log.fatal('crashed', { error })
  process.exit(1)
})

if (config.jwtSecretIsTemporary) log.warn('JWT_SECRET is not set: tokens end with this process')

const service = await openService(config, log)
log.info('listening', {
  port: service.port,
  environment: config.environment,
  release: config.release,
  node: process.version,
})

for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT'])) {
  process.once(signal, () => void stop(signal))
}

await service.start()
log.info('started')

/** Once is asked; the second signal of a kind is the system's own and ends the process at once. @param {string} signal */
async function stop(signal) {
  log.info('stopping', { signal })
  const began = performance.now()
  const { cut } = await service.stop()
  const durationMs = Math.round(performance.now() - began)
  if (cut > 0)
    log.warn('stopped with requests cut off: SHUTDOWN_TIMEOUT was too short for them', { cut, durationMs })
  else log.info('stopped', { durationMs })
  process.exit(cut > 0 ? 1 : 0)
}
