import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { systemClock } from '../../../shared/host/clock.ts'
import { systemExec } from '../../../shared/host/exec.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import {
  buildKustomization,
  kustomizationAt,
} from '../../../shared/targets/kubernetes/manifests/kustomize.ts'
import { logTo } from '../../log.ts'

let root: string
let logged: string[]
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kustomize-'))
  mkdirSync(join(root, 'bin'))
  mkdirSync(join(root, 'k8s'))
  writeFileSync(join(root, 'k8s/kustomization.yaml'), 'resources: [app.yaml]\n')
  logged = []
})
afterEach(() => rmSync(root, { recursive: true }))

/** A program of that name on PATH; the shell that it needs is named by its whole path. */
function program(name: string, script: string): void {
  writeFileSync(join(root, 'bin', name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(root, 'bin', name), 0o755)
}

function build(): Promise<string> {
  const adapters = {
    clock: systemClock,
    exec: systemExec,
    log: logTo(line => void logged.push(line)),
    secrets: createSecrets(),
    env: { PATH: join(root, 'bin') },
    kubeconfig: '',
    hasEnded: () => false,
    signal: new AbortController().signal,
  }
  return buildKustomization(adapters, root, 'k8s')
}

describe('a kustomization', () => {
  test('is a folder with one of kustomize’s file names, or that file', () => {
    expect(kustomizationAt(root, 'k8s')).toBe('k8s')
    expect(kustomizationAt(root, 'k8s/kustomization.yaml')).toBe('k8s')
    expect(kustomizationAt(root, 'bin')).toBeUndefined()
    expect(kustomizationAt(root, 'nowhere')).toBeUndefined()
    expect(kustomizationAt(root, 'nowhere/kustomization.yaml')).toBeUndefined()
  })

  test('is built by kustomize, with nothing but its folder', async () => {
    program('kustomize', 'echo "args: $#:$*"; echo "# Warning: old field" >&2')
    program('kubectl', 'echo "from kubectl"')
    expect(await build()).toBe(`args: 2:build ${join(root, 'k8s')}\n`)
    expect(logged).toContain('kustomize: # Warning: old field')
  })

  test('is built by kubectl where there is no kustomize', async () => {
    program('kubectl', 'echo "args: $*"')
    expect(await build()).toBe(`args: kustomize ${join(root, 'k8s')}\n`)
  })

  test('of many megabytes comes whole', async () => {
    program('kustomize', 'i=0; while [ $i -lt 1200 ]; do printf "%010000d" 0; i=$((i+1)); done')
    expect(await build()).toHaveLength(12_000_000)
  })

  test('that cannot be built says so in the program’s words', async () => {
    program('kustomize', 'echo "Error: accumulating resources: app.yaml: no such file" >&2; exit 1')
    await expect(build()).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringMatching(/k8s cannot be built: .*app\.yaml: no such file/),
      hint: expect.stringContaining('kustomize build k8s'),
    })
  })

  test('without either program is refused', async () => {
    await expect(build()).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringContaining('neither kustomize nor kubectl is on PATH'),
    })
  })
})
