// Which expressions have no effects, as far as syntax shows it.
import type { NodePath } from '@babel/traverse';
import type * as t from '@babel/types';
import { children, isType, isWrapper } from './source.js';

const ATOMS = new Set(['Identifier', 'PrivateName', 'ThisExpression', 'Super', 'MetaProperty', 'TemplateElement']);

/**
 * Expressions that are as pure as their parts. Reading a property counts as pure, and so do
 * operators: getters and `valueOf` are expected to have no effects.
 */
const COMPOSED = new Set([
  'MemberExpression',
  'OptionalMemberExpression',
  'ArrayExpression',
  'ObjectExpression',
  'ObjectProperty',
  'BinaryExpression',
  'LogicalExpression',
  'ConditionalExpression',
  'SequenceExpression',
  'TemplateLiteral',
]);

/**
 * Whether an expression has no effects. Whatever runs code of the program may have some: calls,
 * `new`, tagged templates, iteration by `...`. So has what assigns, deletes, awaits or yields.
 *
 * @param isAlsoPure what counts as pure besides, if its parts are
 */
export function isPure(path: NodePath, isAlsoPure?: (path: NodePath) => boolean): boolean {
  if (isAlsoPure) return compute(path, isAlsoPure);
  const pure = answers.get(path.node) ?? compute(path);
  answers.set(path.node, pure);
  return pure;
}

const answers = new WeakMap<t.Node, boolean>();

function compute(path: NodePath, isAlsoPure?: (path: NodePath) => boolean): boolean {
  if (ATOMS.has(path.type) || isType(path)) return true;
  if (path.isFunction()) return !path.isObjectMethod() || !path.node.computed;
  if (path.isLiteral() && !path.isTemplateLiteral()) return true;
  const isComposed =
    COMPOSED.has(path.type) ||
    (path.isUnaryExpression() && path.node.operator !== 'delete') ||
    // In an object it copies properties. In a list it runs an iterator.
    (path.isSpreadElement() && path.parentPath.isObjectExpression()) ||
    isWrapper(path) ||
    isAlsoPure?.(path) === true;
  return isComposed && children(path).every((child) => isPure(child, isAlsoPure));
}
