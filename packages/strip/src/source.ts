// Parses JavaScript and TypeScript, and answers questions about syntax.
import { parse } from '@babel/parser';
import babelTraverse, { type NodePath } from '@babel/traverse';
import * as t from '@babel/types';

// The package is CommonJS: what Node.js hands out as its default is all of it.
const traverse = babelTraverse.default;

export type Program = NodePath<t.Program>;

export const SOURCE_FILE = /\.[cm]?[jt]sx?$/;

/** @throws {SyntaxError} with `loc`, when the text is neither JavaScript nor TypeScript */
export function parseSource(code: string, file: string): Program {
  const isTypeScript = /\.[cm]?tsx?$/.test(file);
  const ast = parse(code, {
    sourceType: /\.m[jt]s$/.test(file) ? 'module' : 'unambiguous',
    errorRecovery: true,
    allowAwaitOutsideFunction: true,
    allowReturnOutsideFunction: true,
    allowSuperOutsideMethod: true,
    createParenthesizedExpressions: true,
    plugins: [
      'explicitResourceManagement',
      isTypeScript ? 'decorators-legacy' : 'decorators',
      ...(isTypeScript ? (['typescript'] as const) : []),
      ...(/\.(tsx|jsx?|[cm]js)$/.test(file) ? (['jsx'] as const) : []),
    ],
  });
  let program: Program | undefined;
  traverse(ast, {
    Program(path) {
      program = path;
      path.stop();
    },
  });
  return program!;
}

/** The children of a node, in the order of the text. */
export function children(path: NodePath): NodePath[] {
  return (t.VISITOR_KEYS[path.type] ?? [])
    .flatMap((key) => path.get(key) as NodePath | NodePath[])
    .filter(({ node }) => node !== null && node !== undefined)
    .sort((a, b) => a.node.start! - b.node.start!);
}

/** Parentheses, and what TypeScript writes around an expression. */
const WRAPPERS = new Set([
  'ParenthesizedExpression',
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'TSTypeAssertion',
  'TSInstantiationExpression',
]);

export const isWrapper = (path: NodePath) => WRAPPERS.has(path.type);

export function unwrapped(path: NodePath): NodePath {
  return isWrapper(path) ? unwrapped(path.get('expression') as NodePath) : path;
}

/** The outermost expression that is this one in parentheses or with a type. */
export function wrapped(path: NodePath): NodePath {
  return path.parentPath && isWrapper(path.parentPath) ? wrapped(path.parentPath) : path;
}

/** Whether no transpiler leaves this in the output. */
export function isType({ node }: NodePath): boolean {
  if ('declare' in node && node.declare) return true;
  if (!node.type.startsWith('TS') || WRAPPERS.has(node.type)) return false;
  const runs = ['TSEnumDeclaration', 'TSEnumBody', 'TSEnumMember', 'TSModuleDeclaration', 'TSModuleBlock'];
  return ![...runs, 'TSParameterProperty', 'TSExportAssignment', 'TSImportEqualsDeclaration'].includes(node.type);
}

/** The name of a property that is written out: `a.b`, `a['b']`, `{ b: … }`, `a.#b`. */
export function propertyName(path: NodePath, key: 'key' | 'property'): string | undefined {
  const node = path.node as unknown as { computed?: boolean } & Record<string, t.Node>;
  const name = node[key];
  if (!name) return undefined;
  if (name.type === 'PrivateName') return `#${name.id.name}`;
  if (name.type === 'StringLiteral') return name.value;
  if (name.type === 'TemplateLiteral' && name.expressions.length === 0) {
    return name.quasis[0]!.value.cooked ?? undefined;
  }
  return !node.computed && name.type === 'Identifier' ? name.name : undefined;
}

export const nameOf = (node: t.Identifier | t.StringLiteral) => (node.type === 'Identifier' ? node.name : node.value);

/** What names a module: in an import, a re-export, a call of `require` or `import`. */
export function requestOf(path: NodePath): NodePath<t.StringLiteral> | undefined {
  if (!path.isCallExpression()) {
    const source = path.get(path.isTSExternalModuleReference() ? 'expression' : 'source') as NodePath;
    const isDeclaration =
      path.isImportDeclaration() || path.isExportDeclaration() || path.isTSExternalModuleReference();
    return isDeclaration && source.isStringLiteral() ? source : undefined;
  }
  const callee = path.get('callee');
  const [source] = callArguments(path);
  const isRequire = callee.isIdentifier({ name: 'require' }) && !callee.scope.hasBinding('require', true);
  return (isRequire || callee.isImport()) && source?.isStringLiteral() ? source : undefined;
}

export const callArguments = (path: NodePath) => path.get('arguments') as NodePath[];
