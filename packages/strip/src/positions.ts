// What may stand where an expression or statement stands.
import type { NodePath } from '@babel/traverse';
import type * as t from '@babel/types';
import { children, isWrapper, wrapped } from './source.js';

/** Whether nobody takes the value of an expression. */
export function isUnused(path: NodePath): boolean {
  const { parentPath, key } = path;
  if (!parentPath) return false;
  if (parentPath.isExpressionStatement()) return true;
  if (parentPath.isForStatement()) return key === 'init' || key === 'update';
  if (parentPath.isSequenceExpression()) {
    return key !== parentPath.node.expressions.length - 1 || isUnused(parentPath);
  }
  if (parentPath.isLogicalExpression()) return key === 'right' && isUnused(parentPath);
  if (parentPath.isConditionalExpression()) return key !== 'test' && isUnused(parentPath);
  if (parentPath.isUnaryExpression({ operator: 'void' })) return true;
  return isWrapper(parentPath) && isUnused(parentPath);
}

/** Whether of an expression's value only matters whether it counts as true. */
export function isTest(path: NodePath): boolean {
  const { parentPath, key } = path;
  if (!parentPath) return false;
  if (isUnused(path)) return true;
  if (key === 'test' && (parentPath.isIfStatement() || parentPath.isLoop() || parentPath.isConditionalExpression()))
    return true;
  if (parentPath.isUnaryExpression({ operator: '!' })) return true;
  if (parentPath.isLogicalExpression()) return parentPath.node.operator !== '??' && isTest(parentPath);
  return isWrapper(parentPath) && isTest(parentPath);
}

/** Whether it must stand in parentheses beside `&&`. */
export function isLoose(path: NodePath): boolean {
  return (
    path.isAssignmentExpression() ||
    path.isConditionalExpression() ||
    path.isArrowFunctionExpression() ||
    path.isYieldExpression() ||
    path.isSequenceExpression() ||
    path.isLogicalExpression({ operator: '??' }) ||
    path.isLogicalExpression({ operator: '||' })
  );
}

/** Whether an `else` further out would come to belong to an `if` that loses its own. */
export function couldDangle(path: NodePath): boolean {
  const { parentPath } = path;
  if (path.inList || !parentPath?.isStatement()) return false;
  return (
    (parentPath.isIfStatement() && path.key === 'consequent' && !!parentPath.node.alternate) || couldDangle(parentPath)
  );
}

/** Whether the work's expression can stand for a call of it: an async function's, where its promise is awaited at once. */
export function isTransparent(work: NodePath<t.ArrowFunctionExpression>, whole: NodePath): boolean {
  if (work.get('body').isBlockStatement()) return false;
  if (!work.node.async) return true;
  const outer = wrapped(whole);
  if (outer.parentPath?.isAwaitExpression()) return true;
  const home = whole.getFunctionParent();
  if (!home?.node.async || home.node.generator) return false;
  if (outer.parentPath?.isReturnStatement()) return !isInTry(outer, home);
  return outer.key === 'body' && outer.parentPath === home;
}

function isInTry(path: NodePath, home: NodePath): boolean {
  const found = path.findParent((each) => each.isTryStatement() || each === home);
  return found !== null && found !== home;
}

/** Whether `return` of an operation's result can become the returns of its work. */
export function canReturnInline(
  work: NodePath<t.ArrowFunctionExpression>,
  statement: NodePath,
  isAwaited: boolean,
): boolean {
  const home = statement.getFunctionParent();
  if (!home || home.node.generator) return false;
  if (work.node.async) return home.node.async === true && (isAwaited || !isInTry(statement, home));
  return !isAwaited || !isInTry(statement, home);
}

/** Whether nothing comes after a statement in its function. */
export function isAtEnd(statement: NodePath): boolean {
  const list = statement.container as unknown[];
  return statement.key === list.length - 1 && statement.parentPath?.parentPath?.isFunction() === true;
}

export function returns(path: NodePath): boolean {
  return path.isReturnStatement() || (!path.isFunction() && !path.isClass() && children(path).some(returns));
}

/** Whether an expression can stand where a call stood without parentheses. */
export function fits(path: NodePath, place: NodePath): boolean {
  const { parentPath, key, listKey } = place;
  if (!parentPath) return true;
  if (parentPath.isNewExpression() && key === 'callee') return path.isIdentifier();
  const isChained =
    (parentPath.isMemberExpression() && key === 'object') || (parentPath.isCallExpression() && key === 'callee');
  if (
    path.isOptionalMemberExpression() ||
    path.isOptionalCallExpression() ||
    path.isObjectExpression() ||
    path.isFunctionExpression()
  ) {
    return !isChained;
  }
  const isPrimary =
    path.isIdentifier() ||
    path.isMemberExpression() ||
    path.isCallExpression() ||
    (path.isLiteral() && !path.isNumericLiteral()) ||
    path.isThisExpression() ||
    path.isArrayExpression();
  if (isPrimary) return true;
  if (path.isAwaitExpression() && parentPath.isAwaitExpression()) return true;
  if (path.isSequenceExpression()) return parentPath.isExpressionStatement() || isWrapped(parentPath);
  return (
    parentPath.isExpressionStatement() ||
    (parentPath.isVariableDeclarator() && key === 'init') ||
    parentPath.isReturnStatement() ||
    (parentPath.isAssignmentExpression() && key === 'right') ||
    (parentPath.isArrowFunctionExpression() && key === 'body') ||
    listKey === 'arguments' ||
    parentPath.isArrayExpression() ||
    parentPath.isTemplateLiteral() ||
    isWrapped(parentPath)
  );
}

const isWrapped = (path: NodePath) => path.isParenthesizedExpression();

/** Where the work of `runCallback` uses its callback, if it only hands it on in the call that it is. */
export function callbackPlace(work: NodePath<t.ArrowFunctionExpression>): NodePath | undefined {
  const [param, ...others] = work.get('params');
  if (!param?.isIdentifier() || others.length > 0 || work.node.async || work.get('body').isBlockStatement())
    return undefined;
  const binding = work.scope.getOwnBinding(param.node.name);
  const [place, ...more] = binding?.referencePaths ?? [];
  if (!binding?.constant || !place || more.length > 0 || place.listKey !== 'arguments') return undefined;
  return place.getFunctionParent()?.node === work.node ? place : undefined;
}

export const isMovable = (path: NodePath) => path.isIdentifier() || path.isFunction();
