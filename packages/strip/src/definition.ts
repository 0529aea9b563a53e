// Definitions of probes as they are written, read without running them.
import type { NodePath } from '@babel/traverse';
import { propertyName, unwrapped } from './source.js';
import { type Definition, makesDefinition, SONDE } from './value.js';

interface Names {
  /** The function of sonde that an expression names. */
  helper(path: NodePath): string | undefined;
  /** A definition that an expression names, one of another module too. */
  known(path: NodePath): Definition | undefined;
}

/** What an expression defines; undefined where that is not written out but computed when the program runs. */
export function define(path: NodePath, names: Names): Definition | undefined {
  const inner = unwrapped(path);
  if (inner.isStringLiteral()) return literal(JSON.stringify(inner.node.value));
  if (inner.isNumericLiteral() || inner.isBooleanLiteral()) return literal(String(inner.node.value));
  if (inner.isNullLiteral()) return literal('null');
  if (inner.isTemplateLiteral() && inner.node.expressions.length === 0) {
    return literal(JSON.stringify(inner.node.quasis[0]!.value.cooked));
  }
  if (inner.isArrayExpression()) return list(inner.get('elements') as NodePath[], names);
  if (inner.isObjectExpression()) return object(inner.get('properties') as NodePath[], names);
  if (inner.isCallExpression())
    return call(inner.get('callee') as NodePath, inner.get('arguments') as NodePath[], names);
  if (inner.isIdentifier()) return named(inner, names);
  return inner.isMemberExpression() ? names.known(inner) : undefined;
}

function literal(text: string): Definition {
  return { kind: 'definition', text, isOfSonde: false, isOperation: false };
}

function named(path: NodePath, names: Names): Definition | undefined {
  const known = names.known(path);
  if (known) return known;
  const binding = path.isIdentifier() ? path.scope.getBinding(path.node.name) : undefined;
  if (!binding?.constant || !binding.path.isVariableDeclarator()) return undefined;
  if ((binding.path.get('id') as NodePath).node !== binding.identifier) return undefined;
  const init = binding.path.get('init');
  if (!init.isExpression() || unwrapped(init).isIdentifier()) return undefined;
  const value = define(init, names);
  // An array or object that is no definition may be changed before it is used.
  return value?.isOfSonde || isLiteral(unwrapped(init)) ? value : undefined;
}

const isLiteral = (path: NodePath) => path.isLiteral();

function call(callee: NodePath, args: NodePath[], names: Names): Definition | undefined {
  const helper = names.helper(callee);
  if (helper === undefined || !makesDefinition(helper)) return undefined;
  const given = args.map((each) => define(each, names));
  if (given.includes(undefined)) return undefined;
  const text = `${SONDE}.${helper}(${given.map((each) => each!.text).join(', ')})`;
  return { kind: 'definition', text, isOfSonde: true, isOperation: helper === 'operation' };
}

function list(elements: NodePath[], names: Names): Definition | undefined {
  const items: string[] = [];
  let isOfSonde = false;
  for (const element of elements) {
    if (!element.node) return undefined;
    const value = define(element.isSpreadElement() ? element.get('argument') : element, names);
    const item = element.isSpreadElement() ? value?.items : value?.text;
    if (item === undefined) return undefined;
    if (item !== '') items.push(item);
    isOfSonde ||= value!.isOfSonde;
  }
  const text = items.join(', ');
  return { kind: 'definition', text: `[${text}]`, items: text, isOfSonde, isOperation: false };
}

function object(properties: NodePath[], names: Names): Definition | undefined {
  const entries = new Map<string, Definition>();
  for (const property of properties) {
    if (property.isSpreadElement()) {
      const spread = define(property.get('argument'), names)?.entries;
      if (!spread) return undefined;
      for (const [name, value] of spread) entries.set(name, value);
      continue;
    }
    const name = property.isObjectProperty() ? propertyName(property, 'key') : undefined;
    const value = name === undefined ? undefined : define(property.get('value') as NodePath, names);
    if (!value) return undefined;
    entries.set(name!, value);
  }
  return {
    kind: 'definition',
    text: `{ ${[...entries].map(([name, { text }]) => `${JSON.stringify(name)}: ${text}`).join(', ')} }`,
    entries,
    isOfSonde: [...entries.values()].some((each) => each.isOfSonde),
    isOperation: false,
  };
}
