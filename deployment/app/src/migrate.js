import { readService } from './process.js'
import { Database } from './database.js'
import { migrate, readMigrations } from './migrations.js'

const { config, log } = await readService()
const database = new Database({ ...config.database, log })
try {
  const migrations = await readMigrations(new URL('../migrations/', import.meta.url))
  const applied = await migrate({ database, migrations, log })
  log.info('schema is up to date', { applied })
} catch (error) {
  log.fatal('the schema could not be brought up to date', { error })
  process.exitCode = 1
} finally {
  await database.close()
}
