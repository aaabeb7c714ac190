import { describe, expect, test } from '@jest/globals'
import { evaluate, inline, inlineExpression, resolve } from '../../caller/github/expressions.ts'
import { jobFile } from '../../caller/github/job-file.ts'
import { combinationsOf } from '../../caller/github/matrix.ts'

const contexts = {
  inputs: { version: 'v1.0.0', backup: false },
  needs: { build: { outputs: { digest: "it's" } } },
}

describe('expressions', () => {
  test.each([
    ['a text is left alone', 'plain', 'plain'],
    ['one expression keeps its type', '${{ inputs.backup }}', false],
    ['more than one make a text', '${{ inputs.version }}-${{ inputs.backup }}', 'v1.0.0-false'],
    ['braces in a text do not end it', "${{ format('{0}}}', inputs.version) }}", 'v1.0.0}'],
    ['what is missing is null', '${{ inputs.missing }}', null],
  ])('%s', (_what, text, value) => {
    expect(resolve(text, contexts)).toEqual(value)
  })

  test('a context that a place does not have is an error', () => {
    expect(() => evaluate('secrets.TOKEN', contexts)).toThrow('secrets')
  })

  test('contexts are written out, but not properties and texts of the same name', () => {
    const text = "github.event.inputs.version == 'inputs' && Inputs.version && needs.build.outputs.digest"
    expect(inlineExpression(text, { inputs: { version: 'v1' }, needs: { a: "it's" } })).toBe(
      `github.event.inputs.version == 'inputs' && fromJSON('{"version":"v1"}').version && fromJSON('{"a":"it''s"}').build.outputs.digest`,
    )
  })

  test('what is written out means the same', () => {
    const text = '${{ inputs.version }} ${{ needs.build.outputs.digest }}'
    expect(resolve(inline(text, contexts), {})).toBe(resolve(text, contexts))
  })
})

test('a runner gets one job alone, without what GitHub decides', () => {
  const file = jobFile(
    { on: {}, env: { VERSION: '${{ inputs.version }}' }, jobs: {} },
    'release',
    'deploy',
    {
      ...{ name: 'deploy ${{ inputs.version }}', needs: 'build', if: 'always()', environment: 'production' },
      ...{ permissions: { contents: 'read' }, outputs: { a: '${{ steps.a.outputs.b }}' } },
      steps: [
        { id: 'a', if: '${{ inputs.backup }}', uses: 'org/runbook-actions/deploy@v1' },
        { if: 'failure() && inputs.backup', with: { key: '${{ secrets.KEY }}' } },
      ],
    },
    { inputs: { version: 'v1', backup: true } },
  )
  const inputs = `fromJSON('{"version":"v1","backup":true}')`
  expect(file).toEqual({
    name: 'release',
    on: expect.anything() as unknown,
    env: { VERSION: `\${{ ${inputs}.version }}` },
    jobs: {
      deploy: {
        'runs-on': 'ubuntu-latest',
        steps: [
          { id: 'a', if: `${inputs}.backup`, uses: 'org/runbook-actions/deploy@v1' },
          { if: `failure() && ${inputs}.backup`, with: { key: '${{ secrets.KEY }}' } },
        ],
      },
    },
  })
})

test.each([
  [undefined, [{}]],
  [
    { a: [1, 2], b: ['x'] },
    [
      { a: 1, b: 'x' },
      { a: 2, b: 'x' },
    ],
  ],
  [{ a: [1, 2], exclude: [{ a: 1 }] }, [{ a: 2 }]],
  [{ a: [1], include: [{ a: 1, c: true }, { a: 3 }] }, [{ a: 1, c: true }, { a: 3 }]],
  [{ include: [{ a: 1 }, { a: 2 }] }, [{ a: 1 }, { a: 2 }]],
])('the combinations of the matrix %j', (matrix, combinations) => {
  expect(combinationsOf(matrix)).toEqual(combinations)
})
