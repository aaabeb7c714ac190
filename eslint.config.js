import regexp from 'eslint-plugin-regexp'
import tseslint from 'typescript-eslint'

/** The folders of `shared/` that a file of one of them may import, beside its own. Any other import is an arrow the wrong way. */
const arrows = {
  release: [],
  config: [],
  host: [],
  integrations: ['host'],
  gate: ['host', 'integrations', 'config', 'release'],
  checks: ['host', 'integrations', 'config', 'release', 'targets', 'backup', 'attestation'],
  smoke: ['host', 'integrations', 'config', 'release'],
  attestation: ['host', 'integrations', 'config'],
  backup: ['host', 'integrations', 'config', 'release'],
  targets: ['host', 'integrations', 'config', 'release'],
  monitoring: ['config'],
  report: ['host', 'integrations', 'config', 'release'],
  commands: [
    'host',
    'integrations',
    'config',
    'release',
    'targets',
    'checks',
    'gate',
    'smoke',
    'backup',
    'attestation',
    'monitoring',
    'report',
  ],
}

const layer = (name, allowed) => {
  const closed = Object.keys(arrows).filter(other => other !== name && !allowed.includes(other))
  const patterns = [
    ...closed.map(other => ({
      regex: `^(\\.\\./)+${other}/`,
      message: `shared/${name} may not import shared/${other}: see docs/architecture.md.`,
    })),
    { regex: '(^|/)(actions|cli)/', message: 'shared/ imports no action and no command.' },
  ]
  return { files: [`shared/${name}/**/*.ts`], rules: { 'no-restricted-imports': ['error', { patterns }] } }
}

/** Two ways to the same steps; neither needs the other. */
const apart = (folder, other) => ({
  files: [`${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `(^|/)${other}/`,
            message: `What ${folder} and ${other} share belongs to shared/commands.`,
          },
        ],
      },
    ],
  },
})

const io = [
  'node:child_process',
  'node:net',
  'node:tls',
  'node:http',
  'node:https',
  'node:dgram',
  'node:fs',
  'node:fs/promises',
  'node:os',
]
const pure = folder => ({
  files: [`${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        paths: io.map(name => ({
          name,
          message: `${folder} is pure: I/O belongs to host/, integrations/ and targets/.`,
        })),
        patterns: [
          {
            regex: '\\.\\./(?!\\.\\./|config/|release/|gate/)',
            message: `${folder} is pure and imports nothing of the other folders.`,
          },
        ],
      },
    ],
    'no-restricted-globals': ['error', 'fetch', 'setTimeout', 'setInterval', 'process'],
    'no-restricted-properties': [
      'error',
      { object: 'Date', property: 'now', message: 'Time is an argument here.' },
      { object: 'Math', property: 'random', message: 'Chance is an argument here.' },
    ],
  },
})

export default tseslint.config(
  { ignores: ['node_modules/', 'build/', 'deployment/app/', '**/*.cjs', 'test/bench/out/'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-non-null-assertion': 'error',
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }],
    },
  },
  {
    // They match text of others: no expression takes more time than the text is long. Tests match our own.
    files: ['shared/**/*.ts', 'actions/**/*.ts', 'cli/**/*.ts', 'script/**/*.ts'],
    plugins: { regexp },
    rules: {
      'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
      'regexp/no-super-linear-move': ['error', { report: 'potential', ignoreSticky: false }],
    },
  },
  ...Object.entries(arrows).map(([name, allowed]) => layer(name, allowed)),
  apart('actions', 'cli'),
  apart('cli', 'actions'),
  pure('shared/release'),
  pure('shared/monitoring'),
  pure('shared/gate/statistics'),
  {
    files: ['shared/**/*.ts', 'actions/**/*.ts'],
    ignores: ['shared/host/**', 'shared/integrations/**', 'shared/targets/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: "MemberExpression[object.name='process'][property.name='env']",
          message: 'The environment is read in host/ and handed on.',
        },
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'script/**/*.ts', 'cli/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
)
