const stage = (name: string, kind: string, matches: object[], next: object) => ({
  apiVersion: 'kwok.x-k8s.io/v1alpha1',
  kind: 'Stage',
  metadata: { name },
  spec: { resourceRef: { apiGroup: 'v1', kind }, selector: { matchExpressions: matches }, next },
})

const room = '{ cpu: "64", memory: 256Gi, pods: "110" }'

/** How KWOK's nodes and pods live, in its own language: nodes are ready, pods run a moment after they are bound. */
export const simulation: string = [
  stage('node-is-ready', 'Node', [{ key: '.status.phase', operator: 'NotIn', values: ['Running'] }], {
    statusTemplate: `
phase: Running
allocatable: ${room}
capacity: ${room}
conditions:
- { type: Ready, status: "True", reason: Simulated, message: it is simulated, lastHeartbeatTime: {{ Now | Quote }}, lastTransitionTime: {{ Now | Quote }} }
`,
  }),
  stage(
    'pod-runs',
    'Pod',
    [
      { key: '.metadata.deletionTimestamp', operator: 'DoesNotExist' },
      { key: '.status.phase', operator: 'In', values: ['Pending'] },
    ],
    {
      statusTemplate: `
{{ $now := Now }}
phase: Running
startTime: {{ $now | Quote }}
conditions:
{{ range (list "Initialized" "ContainersReady" "Ready") }}
- { type: {{ . }}, status: "True", lastTransitionTime: {{ $now | Quote }} }
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- { name: {{ .name | Quote }}, image: {{ .image | Quote }}, imageID: "", ready: true, started: true, restartCount: 0, state: { running: { startedAt: {{ $now | Quote }} } } }
{{ end }}
`,
    },
  ),
  stage('pod-goes', 'Pod', [{ key: '.metadata.deletionTimestamp', operator: 'Exists' }], {
    finalizers: { empty: true },
    delete: true,
  }),
]
  .map(each => JSON.stringify(each))
  .join('\n---\n')
