import { expect, test } from '@jest/globals'
import { changedFields } from '../../../shared/targets/kubernetes/apply/lost-fields.ts'

test('fields that come again with the same value, or with another, or not at all', () => {
  const port = 'k:{"port":53,"protocol":"UDP"}'
  const fields = {
    'f:spec': {
      'f:type': {},
      'f:strategy': { '.': {}, 'f:rollingUpdate': { 'f:maxSurge': {}, 'f:maxUnavailable': {} } },
      'f:resources': {},
      'f:ports': { [port]: { '.': {}, 'f:protocol': {}, 'f:nodePort': {} } },
      'f:paused': {},
    },
  }
  const before = {
    spec: {
      type: 'ClusterIP',
      strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } },
      resources: {},
      ports: [
        { port: 53, protocol: 'TCP', nodePort: 30001 },
        { port: 53, protocol: 'UDP', nodePort: 30002 },
      ],
      paused: true,
    },
  }
  const after = {
    spec: {
      type: 'ClusterIP',
      strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      resources: {},
      ports: [
        { port: 53, protocol: 'UDP' },
        { port: 53, protocol: 'TCP', nodePort: 30001 },
      ],
    },
  }
  expect(changedFields(fields, before, after)).toEqual({
    'f:spec': {
      'f:strategy': { 'f:rollingUpdate': { 'f:maxUnavailable': {} } },
      'f:ports': { [port]: { 'f:nodePort': {} } },
      'f:paused': {},
    },
  })
  expect(changedFields(fields, before, before)).toEqual({})
})
