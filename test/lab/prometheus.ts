import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Part } from './part.ts'
import { hostIp, ports } from './places.ts'
import { listens, mustBeFree } from './workshop.ts'

const daemon = 'prometheus/server'

/**
 * Prometheus, which scrapes every second what tests name in its folder of targets. `POST /-/reload` makes it read new
 * rules at once.
 */
export const prometheus: Part = {
  name: 'prometheus',
  after: ['network'],
  packages: () => [
    { name: 'prometheus', holds: 'prometheus' },
    { name: 'prometheus-pushgateway', holds: 'prometheus-pushgateway' },
  ],
  async up(shop) {
    const folder = join(shop.places.state, 'prometheus')
    const [targetsDir, rulesDir] = [join(folder, 'targets'), join(folder, 'rules')]
    await mustBeFree(shop, daemon, ports.prometheus)
    for (const each of [targetsDir, rulesDir]) mkdirSync(each, { recursive: true })
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [join(rulesDir, '*.yml')],
      scrape_configs: [
        {
          job_name: 'tests',
          metrics_path: '/api/v1/metrics',
          file_sd_configs: [{ files: [join(targetsDir, '*.json')], refresh_interval: '1s' }],
        },
      ],
    }
    const file = join(folder, 'prometheus.yml')
    writeFileSync(file, JSON.stringify(config))
    const args = [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      '--storage.tsdb.retention.time=1h',
      `--web.listen-address=${hostIp}:${ports.prometheus}`,
      '--web.enable-lifecycle',
    ]
    shop.daemons.start({ name: daemon, file: 'prometheus', args })
    await shop.until(`Prometheus on port ${ports.prometheus}`, daemon, 20, () =>
      listens(ports.prometheus, hostIp),
    )
    return { prometheus: { url: `http://${hostIp}:${ports.prometheus}`, targetsDir, rulesDir } }
  },
}
