// What was there for probes alone: imports and variables of which nothing is left but their declaration.
import type { Binding, NodePath, Scope } from '@babel/traverse';
import type * as t from '@babel/types';
import { type Edits, span } from './edits.js';
import { isImportIdle, leaveImport, leaveInit } from './idle.js';
import type { Keeping } from './keeping.js';
import type { Module } from './module.js';
import { isPure, isType } from './source.js';
import { isSonde, vanishes } from './value.js';

export class Sweeping {
  private readonly module: Module;
  private readonly edits: Edits;
  private readonly keeping: Keeping;
  private readonly swept = new Set<NodePath<t.VariableDeclaration>>();

  constructor(module: Module, edits: Edits, keeping: Keeping) {
    this.module = module;
    this.edits = edits;
    this.keeping = keeping;
  }

  // What was there for probes alone.

  /** Takes out imports and variables of which nothing is left but their declaration. */
  sweep(): void {
    const bindings = this.bindings();
    while (bindings.filter((binding) => this.sweepBinding(binding)).length > 0);
    for (const declaration of this.swept) {
      const declarators = declaration.node.declarations;
      if (declarators.every((each) => this.edits.isGone(each))) {
        const statement = declaration.parentPath.isExportNamedDeclaration() ? declaration.parentPath : declaration;
        this.edits.eraseLines(statement.node, statement.key === 0 && statement.parentPath?.isProgram() === true);
      } else this.edits.eraseItems(declarators, (each) => this.edits.isGone(each));
    }
    for (const statement of this.module.program.get('body')) {
      if (statement.isImportDeclaration()) this.sweepImport(statement);
    }
  }

  private bindings(): Binding[] {
    const scopes = new Set<Scope>([this.module.program.scope]);
    this.module.program.traverse({ Scopable: ({ scope }) => void scopes.add(scope) });
    return [...scopes].flatMap((scope) => Object.values(scope.bindings));
  }

  /** Whether something that is left refers to it. */
  private isLive({ referencePaths, path }: Binding): boolean {
    return referencePaths.some(
      (each) =>
        !this.edits.isGone(each.node) && !isInType(each) && !(path.isFunctionDeclaration() && each.isDescendant(path)),
    );
  }

  private sweepBinding(binding: Binding): boolean {
    const { path, identifier } = binding;
    if (this.edits.isGone(identifier) || binding.constantViolations.length > 0 || this.isLive(binding)) return false;
    const wasUsed = binding.referencePaths.some((each) => !isInType(each));
    if (path.isFunctionDeclaration()) {
      if (!wasUsed || !path.inList) return false;
      this.edits.eraseLines(path.node, path.key === 0 && path.parentPath?.isProgram() === true);
      return true;
    }
    if (path.isTSImportEqualsDeclaration()) {
      const value = this.module.variable(binding);
      if (!value || (value.kind === 'namespace' && !value.module.stripped.isInert)) return false;
      this.edits.eraseLines(path.node, path.key === 0);
      return true;
    }
    if (!path.isVariableDeclarator()) return false;
    const init = path.get('init') as NodePath;
    const declaration = path.parentPath as NodePath<t.VariableDeclaration>;
    if (!init.node || !declaration.inList || declaration.node.kind.endsWith('using')) return false;
    const value = this.module.evaluate(init);
    const isOfProbes =
      value !== undefined && ['sonde', 'helper', 'namespace', 'promise', 'object'].includes(value.kind);
    if (!isOfProbes && (!wasUsed || !isPure(init))) return false;
    const id = path.get('id') as NodePath;
    if (id.isObjectPattern()) {
      const properties = id.get('properties');
      if (!isOfProbes && !Object.values(id.getBindingIdentifiers()).every((each) => this.isDead(path, each)))
        return false;
      const own = properties.find((each) => each.isObjectProperty() && valueName(each) === identifier);
      if (isOfProbes) {
        if (!own || properties.some((each) => each.isRestElement())) return false;
        this.edits.eraseItems(id.node.properties, (each) => each === own.node || this.edits.isGone(each));
        if (!properties.every(({ node }) => this.edits.isGone(node))) return true;
      }
    } else if (!id.isIdentifier()) return false;
    if (value && !isImportIdle(init, value)) {
      if (declaration.node.declarations.length === 1) leaveInit(this.edits, path, init);
      return false;
    }
    if (value?.kind === 'object' && !isPure(init)) return false;
    this.edits.erase(path.node.start!, path.node.end!);
    this.swept.add(declaration);
    return true;
  }

  private isDead(path: NodePath, identifier: t.Identifier): boolean {
    const binding = path.scope.getBinding(identifier.name);
    return binding !== undefined && binding.constantViolations.length === 0 && !this.isLive(binding);
  }

  private sweepImport(path: NodePath<t.ImportDeclaration>): void {
    const { node } = path;
    const from = node.source.value;
    if (node.importKind === 'type') return;
    if (from === 'sonde/testing' || from === '@sonde/core/testing') {
      this.keeping.warn(path, `${from} stays, and sonde with it: it is for tests; leave it out of what is bundled`);
    }
    if (node.specifiers.length === 0) {
      const target = this.module.imports.get(from);
      const goes = isSonde(from)
        ? this.module.strips
        : target?.stripped.edits.isChanged === true && target.stripped.isInert;
      if (goes) this.eraseImport(path);
      return;
    }
    const gone = new Set<t.Node>(
      path
        .get('specifiers')
        .filter((each) => this.isSpecifierGone(each, from))
        .map((each) => each.node),
    );
    if (gone.size === 0) return;
    const left = node.specifiers.filter((each) => !gone.has(each));
    if (left.some((each) => each.type !== 'ImportSpecifier' || each.importKind !== 'type')) {
      const start = node.start! + 'import'.length;
      const end = this.module.code.lastIndexOf('from', node.source.start!);
      this.edits.replace(start, end, ` ${this.clause(left)} `);
    } else if (leaveImport(this.module, this.edits, path, from)) this.eraseImport(path);
  }

  private isSpecifierGone(specifier: NodePath, from: string): boolean {
    const { node } = specifier;
    if (node.type === 'ImportSpecifier' && node.importKind === 'type') return false;
    const binding = specifier.scope.getBinding((node as t.ImportSpecifier).local.name);
    if (!binding) return false;
    const value = this.module.variable(binding);
    if (value && vanishes(value)) return true;
    if (!this.isLive(binding))
      return isSonde(from) ? this.module.strips : binding.referencePaths.some((each) => !isInType(each));
    if (isSonde(from) && !value && this.module.strips) {
      this.keeping.warn(
        specifier,
        `\`${(node as t.ImportSpecifier).local.name}\` of sonde stays, and sonde with it: only definitions, probes and \`status\` can be removed`,
      );
    }
    return false;
  }

  private clause(specifiers: readonly t.Node[]): string {
    const text = (node: t.Node) => this.module.code.slice(...span(node));
    const named = specifiers.filter(({ type }) => type === 'ImportSpecifier');
    const others = specifiers.filter(({ type }) => type !== 'ImportSpecifier').map(text);
    return [...others, ...(named.length > 0 ? [`{ ${named.map(text).join(', ')} }`] : [])].join(', ');
  }

  private eraseImport(path: NodePath<t.ImportDeclaration>): void {
    this.edits.eraseLines(path.node, path.key === 0);
  }
}

function isInType(path: NodePath): boolean {
  return path.find((each) => isType(each) || each.isImportDeclaration() || each.isTSImportEqualsDeclaration()) !== null;
}

function valueName(property: NodePath): t.Identifier | undefined {
  const value = property.get('value') as NodePath;
  const name = value.isAssignmentPattern() ? (value.get('left') as NodePath).node : value.node;
  return name?.type === 'Identifier' ? name : undefined;
}
