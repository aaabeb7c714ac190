/**
 * pm2's view of the service in development: `pm2 reload ecosystem.config.js --env development`. A plain export is all
 * that pm2 needs of an ES module; it loads one from Node 20.19 on.
 */
export const apps = [
  {
    name: 'runbook-api',
    cwd: 'deployment/app',
    script: 'src/main.js',
    node_args: '--env-file=../config/.env.development',
    // Longer than the service's own SHUTDOWN_TIMEOUT, after which it ends by itself.
    kill_timeout: 10_000,
    env_development: { NODE_ENV: 'development' },
  },
]
