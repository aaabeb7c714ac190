import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/*
 * Makes the modules below shared/ count which of their branches are taken, as they are loaded.
 *
 * Tried before: @jazzer.js/core 4.0.0 loads a prebuilt addon that needs GLIBC 2.38 (Debian 12 has 2.36), and its loader
 * leaves modules of the format `module-typescript` alone. jsfuzz 1.0.15 on Node 24.21: its instrumenter reads every file as a
 * script, so that an ES module runs without coverage ("'import' and 'export' may appear only with 'sourceType: module'";
 * 95,000 inputs in 12 s, `cov: 0`), and a TypeScript module that its hook hands back to Node ends the worker with a
 * SyntaxError at the first type import. V8's precise coverage needs a call of the inspector after each input, which takes longer than most inputs. The TypeScript compiler is here
 * anyway, so the counters are put in by it.
 */

/** More branches than there are. */
const mostBranches = 1 << 17

/** What the instrumented modules write to. */
export interface Counters {
  /** How often each branch was taken, of 255 at most. */
  hits: Uint8Array
  /** Branches taken since it was set to 0: the measure of work. */
  work: number
  /** At more of them, a WorkError is thrown. */
  mostWork: number
  /** Branches that there are, by the file that they are in. */
  branches: Map<string, { from: number; to: number }>
  /** Texts and signs that each of the files compares with: what an input may have to hold. */
  words: Map<string, Set<string>>
}

/** An input that does not come to an end. */
export class WorkError extends Error {}

declare global {
  var fuzzCounters: Counters
  /** Counts a branch. */
  var fuzzHit: (branch: number) => void
}

const shared = join(import.meta.dirname, '../../shared/')

/** Instruments what is loaded from now on. */
export function instrument(): Counters {
  const counters: Counters = {
    hits: new Uint8Array(mostBranches),
    work: 0,
    mostWork: Infinity,
    branches: new Map(),
    words: new Map(),
  }
  globalThis.fuzzCounters = counters
  globalThis.fuzzHit = branch => {
    const { hits } = counters
    const hit = hits[branch] ?? 0
    if (hit < 255) hits[branch] = hit + 1
    if (++counters.work > counters.mostWork) throw new WorkError(`more than ${counters.mostWork} branches`)
  }
  let next = 0
  registerHooks({
    load(url, context, nextLoad) {
      const file = url.startsWith('file:') ? fileURLToPath(url) : ''
      if (!file.startsWith(shared) || !file.endsWith('.ts')) return nextLoad(url, context)
      const [from, name, words] = [next, file.slice(shared.length), new Set<string>()]
      const source = compile(file, words, () => next++)
      counters.branches.set(name, { from, to: next })
      counters.words.set(name, words)
      return { format: 'module', source, shortCircuit: true }
    },
  })
  return counters
}

function compile(file: string, words: Set<string>, branch: () => number): string {
  const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
    fileName: file,
    compilerOptions: {
      target: ts.ScriptTarget.ESNext,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
    transformers: { before: [context => source => transform(source, context, words, branch)] },
  })
  return outputText
}

function transform(
  source: ts.SourceFile,
  context: ts.TransformationContext,
  words: Set<string>,
  branch: () => number,
): ts.SourceFile {
  const { factory } = context
  const hit = () =>
    factory.createCallExpression(factory.createIdentifier('fuzzHit'), undefined, [
      factory.createNumericLiteral(branch()),
    ])
  const counted = (expression: ts.Expression) =>
    factory.createParenthesizedExpression(factory.createComma(hit(), expression))
  const block = (statement: ts.Statement) =>
    factory.createBlock([factory.createExpressionStatement(hit()), statement], true)
  const begun = (statements: readonly ts.Statement[]) => [
    factory.createExpressionStatement(hit()),
    ...statements,
  ]

  const visit = (node: ts.Node): ts.Node => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node)) return node
    learn(node, words)
    const seen = ts.visitEachChild(node, visit, context)
    if (ts.isArrowFunction(seen) && !ts.isBlock(seen.body))
      return factory.updateArrowFunction(
        ...([seen, seen.modifiers, seen.typeParameters, seen.parameters, seen.type] as const),
        ...([seen.equalsGreaterThanToken, counted(seen.body)] as const),
      )
    if (ts.isBlock(seen)) return factory.updateBlock(seen, begun(seen.statements))
    if (ts.isIfStatement(seen))
      return factory.updateIfStatement(
        seen,
        seen.expression,
        seen.thenStatement,
        // Not taking it is a branch, too.
        seen.elseStatement ?? factory.createBlock(begun([])),
      )
    if (ts.isConditionalExpression(seen))
      return factory.updateConditionalExpression(
        ...([seen, seen.condition, seen.questionToken, counted(seen.whenTrue)] as const),
        ...([seen.colonToken, counted(seen.whenFalse)] as const),
      )
    if (ts.isBinaryExpression(seen) && isChoice(seen.operatorToken.kind))
      return factory.updateBinaryExpression(seen, seen.left, seen.operatorToken, counted(seen.right))
    if (ts.isCaseClause(seen)) return factory.updateCaseClause(seen, seen.expression, begun(seen.statements))
    if (ts.isForStatement(seen) && !ts.isBlock(seen.statement))
      return factory.updateForStatement(
        ...([seen, seen.initializer, seen.condition, seen.incrementor, block(seen.statement)] as const),
      )
    if (ts.isForOfStatement(seen) && !ts.isBlock(seen.statement))
      return factory.updateForOfStatement(
        ...([seen, seen.awaitModifier, seen.initializer, seen.expression, block(seen.statement)] as const),
      )
    if (ts.isWhileStatement(seen) && !ts.isBlock(seen.statement))
      return factory.updateWhileStatement(seen, seen.expression, block(seen.statement))
    return seen
  }
  return ts.visitNode(source, visit) as ts.SourceFile
}

function isChoice(kind: ts.SyntaxKind): boolean {
  return [
    ts.SyntaxKind.AmpersandAmpersandToken,
    ts.SyntaxKind.BarBarToken,
    ts.SyntaxKind.QuestionQuestionToken,
  ].includes(kind)
}

/** Short texts, names of fields, and the plain parts of regular expressions. */
function learn(node: ts.Node, words: Set<string>): void {
  const text = ts.isStringLiteralLike(node)
    ? node.text
    : ts.isPropertyAssignment(node) && ts.isIdentifier(node.name)
      ? node.name.text
      : ''
  if (text.length > 0 && text.length <= 24 && !/^\.{1,2}\//.test(text) && !/ \w+ \w+ /.test(text))
    words.add(text)
  if (ts.isRegularExpressionLiteral(node))
    for (const word of node.text.match(/[A-Za-z][\w-]{1,20}|[^\w\s\\()[\]{}?+*|^$/]{1,4}/g) ?? [])
      words.add(word)
}
