// What an expression stands for, as far as probes are concerned. Only what is certain has a
// meaning: constants, and what is read from them by names that are written out.
import type { Binding, NodePath } from '@babel/traverse';
import type * as t from '@babel/types';
import { type Found, findExport, findImport } from './exports.js';
import type { Module } from './module.js';
import { isSonde } from './sonde.js';
import { nameOf, propertyName, requestOf, unwrapped, wrapped } from './source.js';

export type Meaning =
  /** All of sonde, or one of its exports. */
  | { readonly is: 'sonde' }
  | { readonly is: 'export of sonde'; readonly name: string }
  | { readonly is: 'namespace'; readonly module: Module }
  | { readonly is: 'provider' }
  /** A probe, an operation, or one of an operation's three probes. */
  | { readonly is: 'probe' }
  | { readonly is: 'enabled' }
  /** A method, read from its object. */
  | { readonly is: 'method'; readonly name: Method };

export type Method = (typeof METHODS)[number] | 'unload';

const METHODS = ['fire', 'fireWith', 'run', 'runCallback'] as const;

const isOfProbes = (meaning: Meaning | undefined) => meaning?.is === 'provider' || meaning?.is === 'probe';

export class Meanings {
  /** The modules whose exports were looked at. */
  readonly seen = new Set<Module>();
  private readonly known = new Map<t.Node | Binding, Meaning | undefined>();

  /** What an expression of a module means. */
  of(path: NodePath, module: Module): Meaning | undefined {
    const inner = unwrapped(path);
    return this.once(inner.node, () => this.compute(inner, module));
  }

  /** What a variable means that is never assigned to after its declaration. */
  ofVariable(binding: Binding, module: Module): Meaning | undefined {
    if (!binding.constant) return undefined;
    return this.once(binding, () => {
      const meaning = this.declared(binding, module);
      // Called without its object, a method throws.
      return meaning?.is === 'method' ? undefined : meaning;
    });
  }

  /** Computes a meaning once. What refers to itself has none. */
  private once(key: t.Node | Binding, compute: () => Meaning | undefined): Meaning | undefined {
    if (!this.known.has(key)) {
      this.known.set(key, undefined);
      this.known.set(key, compute());
    }
    return this.known.get(key);
  }

  private compute(path: NodePath, module: Module): Meaning | undefined {
    if (path.isIdentifier()) {
      const binding = path.scope.getBinding(path.node.name);
      return binding && this.ofVariable(binding, module);
    }
    if (path.isMemberExpression() || path.isOptionalMemberExpression()) {
      const name = memberName(path);
      if (name?.startsWith('#')) return this.privateField(path, name, module);
      return this.member(this.of(path.get('object') as NodePath, module), name);
    }
    if (path.isCallExpression()) {
      const request = path.get('callee').isImport() ? undefined : requestOf(path);
      if (request) return isSonde(request.node.value) && module.strips ? { is: 'sonde' } : undefined;
      const callee = this.of(path.get('callee') as NodePath, module);
      return callee?.is === 'export of sonde' && callee.name === 'provider' ? { is: 'provider' } : undefined;
    }
    if (path.isConditionalExpression()) {
      const [one, other] = [this.of(path.get('consequent'), module), this.of(path.get('alternate'), module)];
      return isOfProbes(one) && one?.is === other?.is ? one : undefined;
    }
    return undefined;
  }

  private member(object: Meaning | undefined, name: string | undefined): Meaning | undefined {
    if (!object || name === undefined) return undefined;
    if (object.is === 'sonde') return { is: 'export of sonde', name };
    if (object.is === 'namespace') return this.found(findExport(object.module, name, this.seen));
    if (object.is === 'provider') return name === 'unload' ? { is: 'method', name } : { is: 'probe' };
    if (object.is !== 'probe') return undefined;
    if (name === 'enabled') return { is: 'enabled' };
    const method = METHODS.find((each) => each === name);
    if (method) return { is: 'method', name: method };
    return ['start', 'done', 'error'].includes(name) ? { is: 'probe' } : undefined;
  }

  private declared({ path, identifier, kind }: Binding, module: Module): Meaning | undefined {
    const { parent } = path;
    if (kind === 'module' && parent.type === 'ImportDeclaration') {
      const name = path.isImportSpecifier()
        ? nameOf(path.node.imported)
        : path.isImportNamespaceSpecifier()
          ? '*'
          : 'default';
      return this.found(findImport(module, { from: parent.source.value, name }, this.seen));
    }
    if (path.isVariableDeclarator()) {
      const init = path.get('init') as NodePath;
      const names = patternNames(path.get('id') as NodePath, identifier);
      if (!init.node || !names || isMerged(path)) return undefined;
      return names.reduce((meaning, name) => this.member(meaning, name), this.of(init, module));
    }
    // A parameter whose default is a probe is taken for a probe, whatever is passed.
    const pattern = kind === 'param' ? defaultOf(path, identifier) : undefined;
    const meaning = pattern && this.of(pattern.get('right'), module);
    return isOfProbes(meaning) ? meaning : undefined;
  }

  private found(found: Found | undefined): Meaning | undefined {
    if (!found) return undefined;
    if ('sonde' in found) return found.sonde === '*' ? { is: 'sonde' } : { is: 'export of sonde', name: found.sonde };
    if ('namespace' in found) return { is: 'namespace', module: found.namespace };
    const { module } = found;
    return 'binding' in found ? this.ofVariable(found.binding, module) : this.of(found.path, module);
  }

  private privateField(path: NodePath, name: string, module: Module): Meaning | undefined {
    const field = fieldOf(path, name);
    const value = field?.get('value') as NodePath | undefined;
    if (!field || !value?.node || usesOf(field).some(isTarget)) return undefined;
    const meaning = this.of(value, module);
    return isOfProbes(meaning) ? meaning : undefined;
  }
}

function memberName(path: NodePath<t.MemberExpression | t.OptionalMemberExpression>): string | undefined {
  const property = path.get('property') as NodePath;
  const isSymbol =
    path.node.computed && property.isMemberExpression() && property.get('object').isIdentifier({ name: 'Symbol' });
  if (isSymbol) return propertyName(property, 'property') === 'dispose' ? 'unload' : undefined;
  return propertyName(path, 'property');
}

/**
 * Whether a variable is exported by a namespace of TypeScript: then it is a property, and can be
 * changed elsewhere.
 */
function isMerged({ parentPath }: NodePath): boolean {
  const statement = parentPath?.parentPath;
  return statement?.isExportDeclaration() === true && !statement.parentPath?.isProgram();
}

/** The names by which a pattern takes this identifier out of a value. */
export function patternNames(pattern: NodePath, identifier: t.Identifier): string[] | undefined {
  if (pattern.node === identifier) return [];
  if (!pattern.isObjectPattern()) return undefined;
  for (const property of pattern.get('properties')) {
    if (!property.isObjectProperty()) continue;
    const rest = patternNames(property.get('value') as NodePath, identifier);
    const name = propertyName(property, 'key');
    if (rest) return name === undefined ? undefined : [name, ...rest];
  }
  return undefined;
}

/** The default that a parameter has, or a property of one. */
function defaultOf(pattern: NodePath, identifier: t.Identifier): NodePath<t.AssignmentPattern> | undefined {
  if (pattern.isAssignmentPattern()) {
    const left = pattern.get('left') as NodePath;
    return left.node === identifier ? pattern : defaultOf(left, identifier);
  }
  // `...rest` depends on which properties there are.
  if (!pattern.isObjectPattern() || pattern.node.properties.some(({ type }) => type === 'RestElement'))
    return undefined;
  for (const property of pattern.get('properties')) {
    const found = defaultOf(property.get('value') as NodePath, identifier);
    if (found) return found;
  }
  return undefined;
}

/** The class's field that a private name stands for. */
function fieldOf(path: NodePath, name: string): NodePath<t.ClassPrivateProperty> | undefined {
  for (
    let body = path.findParent((each) => each.isClassBody());
    body;
    body = body.findParent((each) => each.isClassBody())
  ) {
    const member = (body.get('body') as NodePath[]).find((each) => propertyName(each, 'key') === name);
    if (member) return member.isClassPrivateProperty() ? member : undefined;
  }
  return undefined;
}

/** The expressions in its class that use a private field. */
export function usesOf(field: NodePath<t.ClassPrivateProperty>): NodePath[] {
  const uses: NodePath[] = [];
  field.parentPath.traverse({
    PrivateName(path) {
      const { parentPath } = path;
      if (path.key !== 'key' && fieldOf(path, `#${path.node.id.name}`)?.node === field.node) uses.push(parentPath);
    },
  });
  return uses;
}

/** Whether something is assigned to an expression, or it is deleted. */
export function isTarget(path: NodePath): boolean {
  const { parentPath, key } = wrapped(path);
  if (!parentPath) return false;
  if (parentPath.isUpdateExpression() || parentPath.isUnaryExpression({ operator: 'delete' })) return true;
  if (parentPath.isAssignmentExpression() || parentPath.isForXStatement() || parentPath.isAssignmentPattern())
    return key === 'left';
  if (parentPath.isRestElement() || parentPath.isArrayPattern()) return true;
  return parentPath.isObjectProperty() && key === 'value' && parentPath.parentPath.isObjectPattern();
}
