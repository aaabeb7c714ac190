import { expect, test } from '@jest/globals'
import { faultOfPorts } from '../../../shared/config/published-ports.ts'

test.each([
  [['3001:3000', '3001:3000/udp', '3002:3000']],
  [['127.0.0.1:53:53', '10.0.0.5:53:53', '127.0.0.1:53:53/udp']],
  [['1:65535']],
])('%j can be published together', ports => {
  expect(faultOfPorts(ports)).toBeUndefined()
})

test.each([
  [['3001:3000', '3001:3001'], 1, '3001:3000 publishes 3001/tcp already'],
  [['127.0.0.1:53:53/udp', '53:5353/udp'], 1, '127.0.0.1:53:53/udp publishes 53/udp already'],
  [['0.0.0.0:80:3000', '10.0.0.5:80:3000'], 1, '0.0.0.0:80:3000 publishes 80/tcp already'],
  [['3001:3000', '99999:3000'], 1, 'from 1 to 65535'],
  [['0:3000'], 0, 'from 1 to 65535'],
])('of %j the port %d is refused: %s', (ports, index, accepted) => {
  expect(faultOfPorts(ports)).toEqual({ index, accepted: expect.stringContaining(accepted) })
})
