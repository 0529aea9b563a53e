// Reading JavaScript and TypeScript, and what can be told of it without running it.
import { parse } from '@babel/parser';
import babelTraverse, { type NodePath } from '@babel/traverse';
import * as t from '@babel/types';

// The package is CommonJS: what Node.js hands out as its default is all of it.
const traverse = babelTraverse.default;

export const SOURCE_FILE = /\.[cm]?[jt]sx?$/;

/** @throws {SyntaxError} with `loc`, when the text is neither JavaScript nor TypeScript */
export function parseSource(code: string, file: string): NodePath<t.Program> {
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
  let program: NodePath<t.Program> | undefined;
  traverse(ast, {
    Program(path) {
      program = path;
      path.stop();
    },
  });
  return program!;
}

/** Everything below a node that is a child of its own, in the source's order. */
export function children(path: NodePath): NodePath[] {
  const keys = t.VISITOR_KEYS[path.type] ?? [];
  return keys
    .flatMap((key) => path.get(key) as NodePath | NodePath[])
    .filter((child) => child.node !== null && child.node !== undefined)
    .sort((a, b) => a.node!.start! - b.node!.start!);
}

/** Parentheses and what TypeScript writes around an expression. */
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
  let inner = path;
  while (isWrapper(inner)) inner = inner.get('expression') as NodePath;
  return inner;
}

/** The outermost expression that is nothing but this one in parentheses, or with a type. */
export function wrapped(path: NodePath): NodePath {
  let outer = path;
  while (outer.parentPath && isWrapper(outer.parentPath)) outer = outer.parentPath;
  return outer;
}

/** Types, which no transpiler leaves in the output. */
export function isType(path: NodePath): boolean {
  const { node } = path;
  if ('declare' in node && node.declare) return true;
  if (!node.type.startsWith('TS') || WRAPPERS.has(node.type)) return false;
  const runs = ['TSEnumDeclaration', 'TSEnumBody', 'TSEnumMember', 'TSModuleDeclaration', 'TSModuleBlock'];
  return ![...runs, 'TSParameterProperty', 'TSExportAssignment', 'TSImportEqualsDeclaration'].includes(node.type);
}

/** The name of a property, when it is written out: `a.b`, `a['b']`, `{ b: … }`, `a.#b`. */
export function propertyName(path: NodePath, key: 'key' | 'property'): string | undefined {
  const node = path.node as unknown as { computed?: boolean } & Record<string, t.Node>;
  const name = node[key];
  if (!name) return undefined;
  if (name.type === 'PrivateName') return `#${name.id.name}`;
  if (name.type === 'StringLiteral') return name.value;
  if (name.type === 'TemplateLiteral' && name.expressions.length === 0)
    return name.quasis[0]!.value.cooked ?? undefined;
  return !node.computed && name.type === 'Identifier' ? name.name : undefined;
}

export function specifierName(node: t.Identifier | t.StringLiteral): string {
  return node.type === 'Identifier' ? node.name : node.value;
}

const CHANGES = new Set(['AssignmentExpression', 'UpdateExpression', 'AwaitExpression', 'YieldExpression']);

/** Whether an expression itself, not what is in it, changes the program: an assignment, `++`, `--`, `delete`, `await`, `yield`. */
export function changesProgram(path: NodePath): boolean {
  return CHANGES.has(path.type) || (path.isUnaryExpression() && path.node.operator === 'delete');
}

const CALLS = new Set([
  'CallExpression',
  'OptionalCallExpression',
  'NewExpression',
  'TaggedTemplateExpression',
  'ImportExpression',
]);

/** Whether evaluating it does nothing but give a value. Reading a property counts as nothing, as it does in a probe's arguments. */
export function isPure(path: NodePath): boolean {
  if (path.isFunction() || isType(path)) return true;
  if (path.isClass()) return isInertClass(path);
  if (changesProgram(path) || CALLS.has(path.type) || path.isJSX()) return false;
  return children(path).every(isPure);
}

function isInertClass(path: NodePath<t.Class>): boolean {
  if (path.node.superClass || path.node.decorators?.length) return false;
  return path.get('body.body').every((member) => {
    if (member.isStaticBlock()) return false;
    if ((member.node as t.ClassMethod).computed) return false;
    if (!('static' in member.node) || !member.node.static || !('value' in member.node)) return true;
    const value = member.get('value') as NodePath;
    return !value.node || isPure(value);
  });
}
