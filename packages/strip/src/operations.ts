// When the work of an operation can replace the operation.
import type { NodePath } from '@babel/traverse';
import type * as t from '@babel/types';
import { children, wrapped } from './source.js';

/**
 * Whether the body of the work, an expression, can replace the operation. That of an async function
 * can where the promise is awaited at once.
 */
export function isTransparent(work: NodePath, operation: NodePath): boolean {
  if (!isBareArrow(work) || work.node.body.type === 'BlockStatement') return false;
  const { parentPath, key } = wrapped(operation);
  if (!work.node.async || parentPath?.isAwaitExpression()) return true;
  const home = operation.getFunctionParent();
  if (!home?.node.async || home.node.generator) return false;
  return parentPath?.isReturnStatement() ? !isInTry(parentPath, home) : key === 'body' && parentPath === home;
}

/**
 * The argument that is the callback, if the work of `runCallback` is one call with it:
 * `(done) => read(path, done)`.
 */
export function callbackPlace(work: NodePath, callback: NodePath<t.Identifier>): NodePath | undefined {
  if (!work.isArrowFunctionExpression() || work.node.async || work.node.params.length !== 1) return undefined;
  const [param] = work.node.params;
  const binding = param?.type === 'Identifier' ? work.scope.getOwnBinding(param.name) : undefined;
  const [place, ...more] = binding?.referencePaths ?? [];
  const isHandedOn = place?.listKey === 'arguments' && place.parent === work.node.body && more.length === 0;
  const { name } = callback.node;
  const isSame = work.scope.getBinding(name) === callback.scope.getBinding(name);
  return isHandedOn && isSame && binding?.constant ? place : undefined;
}

/**
 * The body of the work, a block, if its statements can replace a statement that is the operation or
 * returns it.
 */
export function inlineBlock(
  work: NodePath,
  statement: NodePath,
  isAwaited: boolean,
): NodePath<t.BlockStatement> | undefined {
  if (!isBareArrow(work) || !statement.inList) return undefined;
  const block = work.get('body') as NodePath;
  if (!block.isBlockStatement() || block.node.directives.length > 0 || hoists(block)) return undefined;
  const { async: isAsync } = work.node;
  if (!statement.isReturnStatement()) return isAsync === isAwaited && !returns(block) ? block : undefined;
  const home = statement.getFunctionParent();
  if (!home || home.node.generator || (isAsync && !home.node.async)) return undefined;
  // A `try` around it catches the rejection of a promise that is awaited, and not of one that is
  // returned.
  return isAsync === isAwaited || !isInTry(statement, home) ? block : undefined;
}

/** Whether nothing comes after a statement in its function. */
export function isLast(statement: NodePath): boolean {
  const { length } = statement.container as unknown[];
  return statement.key === length - 1 && statement.parentPath?.parentPath?.isFunction() === true;
}

/** Whether something is declared in there that is known outside as well. */
export function hoists(path: NodePath): boolean {
  if (path.isFunctionDeclaration()) return !path.scope.getProgramParent().path.isProgram({ sourceType: 'module' });
  if (path.isFunction() || path.isClass()) return false;
  return path.isVariableDeclaration({ kind: 'var' }) || children(path).some(hoists);
}

function isBareArrow(work: NodePath): work is NodePath<t.ArrowFunctionExpression> {
  return work.isArrowFunctionExpression() && work.node.params.length === 0;
}

function isInTry(statement: NodePath, home: NodePath): boolean {
  return statement.findParent((each) => each.isTryStatement() || each === home) !== home;
}

function returns(path: NodePath): boolean {
  return path.isReturnStatement() || (!path.isFunction() && !path.isClass() && children(path).some(returns));
}
