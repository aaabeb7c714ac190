import { expect, test } from '@jest/globals'
import {
  captureReferences,
  environmentReferences,
  resolveReferences,
} from '../../../shared/smoke/references.ts'

const request = {
  path: '/users/${id}',
  headers: { authorization: 'Bearer ${env:TOKEN}' },
  body: { owner: '${id}', note: 'of ${id}', tags: ['${tag}'] },
}

test('finds what a request refers to', () => {
  expect(new Set(captureReferences(request))).toEqual(new Set(['id', 'tag']))
  expect(environmentReferences(request)).toEqual(['TOKEN'])
})

test('puts values in; one that stands alone keeps its type', () => {
  expect(resolveReferences(request, { id: 7, tag: true, 'env:TOKEN': 's3cret' })).toEqual({
    path: '/users/7',
    headers: { authorization: 'Bearer s3cret' },
    body: { owner: 7, note: 'of 7', tags: [true] },
  })
})

test('an integer of 64 bits goes on as it came', () => {
  const resolved = resolveReferences(request, { id: 1_234_567_890_123_456_789n, tag: 1, 'env:TOKEN': 'x' })
  expect(resolved.path).toBe('/users/1234567890123456789')
  expect(resolved.body).toEqual({
    owner: 1_234_567_890_123_456_789n,
    note: 'of 1234567890123456789',
    tags: [1],
  })
})

test('a value never becomes another path', () => {
  expect(resolveReferences({ path: '/users/${id}' }, { id: '../admin?all=1' }).path).toBe(
    '/users/..%2Fadmin%3Fall%3D1',
  )
})

test('a value that looks like a reference stays text', () => {
  const resolved = resolveReferences(request, { id: '${env:TOKEN}', tag: '$&', 'env:TOKEN': 's3cret' })
  expect(JSON.stringify(resolved.body)).not.toContain('s3cret')
  expect(resolved.body).toMatchObject({ tags: ['$&'] })
})
