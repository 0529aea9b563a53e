// Where the names that modules import and export lead, by syntax alone.
import type { Binding, NodePath } from '@babel/traverse';
import type * as t from '@babel/types';
import type { Module } from './module.js';
import { isDefiner, isSonde } from './sonde.js';
import { isType, nameOf } from './source.js';

/**
 * A name leads to a variable or an expression of a module, to a whole module, or to what sonde
 * exports by a name (`*` for all of it).
 */
export type Found =
  | { readonly module: Module; readonly binding: Binding }
  | { readonly module: Module; readonly path: NodePath }
  | { readonly namespace: Module }
  | { readonly sonde: string };

type Export = { readonly binding: Binding } | { readonly path: NodePath } | Reexport;

/** What another module exports by a name; `*` is all of it. */
interface Reexport {
  readonly from: string;
  readonly name: string;
}

/**
 * Follows an import.
 *
 * @param seen gets the modules that were looked at
 * @param above the modules that lead here, since they may do so in a circle
 */
export function findImport(
  module: Module,
  { from, name }: Reexport,
  seen: Set<Module>,
  above: readonly Module[] = [],
): Found | undefined {
  if (isSonde(from)) return module.strips ? { sonde: name } : undefined;
  const target = module.links.get(from);
  return target && (name === '*' ? { namespace: target } : findExport(target, name, seen, above));
}

/** Follows an export. */
export function findExport(
  module: Module,
  name: string,
  seen: Set<Module>,
  above: readonly Module[] = [],
): Found | undefined {
  if (above.includes(module)) return undefined;
  seen.add(module);
  const { names, stars } = exportsOf(module);
  const own = names.get(name);
  if (own && !('from' in own)) return { module, ...own };
  const others = own ? [own] : stars.map((from) => ({ from, name }));
  for (const each of others) {
    // Other names may be those of another module.
    const isForeign = !own && (name === 'default' || (isSonde(each.from) && !isDefiner(name)));
    const found = isForeign ? undefined : findImport(module, each, seen, [...above, module]);
    if (found) return found;
  }
  return undefined;
}

interface Exports {
  readonly names: Map<string, Export>;
  /** The sources of `export * from`. */
  readonly stars: string[];
}

const known = new WeakMap<Module, Exports>();

function exportsOf(module: Module): Exports {
  let exported = known.get(module);
  if (!exported) {
    exported = { names: new Map(), stars: [] };
    for (const statement of module.program.get('body')) if (!isType(statement)) add(statement, exported);
    known.set(module, exported);
  }
  return exported;
}

function add(statement: NodePath<t.Statement>, { names, stars }: Exports): void {
  const { node, scope } = statement;
  if (statement.isExportAllDeclaration()) stars.push(statement.node.source.value);
  if (statement.isExportDefaultDeclaration()) names.set('default', { path: statement.get('declaration') as NodePath });
  if (node.type !== 'ExportNamedDeclaration') return;
  const addVariable = (name: string, local: string) => {
    const binding = scope.getBinding(local);
    if (binding) names.set(name, { binding });
  };
  const declaration = statement.get('declaration') as NodePath;
  if (declaration.node) for (const name of Object.keys(declaration.getBindingIdentifiers())) addVariable(name, name);
  for (const specifier of node.specifiers) {
    const local = specifier.type === 'ExportSpecifier' ? nameOf(specifier.local) : '*';
    if (node.source) names.set(nameOf(specifier.exported), { from: node.source.value, name: local });
    else addVariable(nameOf(specifier.exported), local);
  }
}
