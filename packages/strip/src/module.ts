// A module: what it imports and exports, and what its expressions stand for.
import type { Binding, NodePath } from '@babel/traverse';
import * as t from '@babel/types';
import { define } from './definition.js';
import { isType, propertyName, specifierName, unwrapped } from './source.js';
import { Stripping } from './stripping.js';
import {
  access,
  type Class,
  type Entry,
  isHelper,
  isSonde,
  type Namespace,
  originOf,
  type Part,
  type Provider,
  SONDE,
  type Value,
  vanishes,
} from './value.js';

/** An export: an expression of this module, a variable, or what another module exports by some name (`*` for all). */
type Export = { path: NodePath } | { binding: Binding } | { from: string; name: string };

export class Module {
  /** What it imports, and how. */
  readonly requests = new Map<string, 'import' | 'require'>();
  /** The modules that these are, so far as they could be followed. */
  readonly imports = new Map<string, Module>();
  readonly isModule: boolean;
  /**
   * What stays although it has to do with probes, because of a use that cannot be removed: the nodes of definitions and
   * of class fields, and the identifiers of variables.
   */
  readonly kept = new Set<t.Node>();
  /** Providers of other modules that this one makes again for itself, for the same reason, with the variable's name. */
  readonly remade = new Map<Provider, string>();
  /** Objects of other modules in whose place this one puts copies of its own, since probes are in them. */
  readonly copied = new Set<t.Node>();
  /** The fields of its classes that have probes, by their names. */
  readonly fields = new Map<string, Entry[]>();
  /** Why: the uses that cannot be removed. */
  readonly causes = new Map<t.Node, string>();
  /** The name that this module has for all of sonde, where it makes something again. */
  sondeName: string | undefined;

  private readonly exports = new Map<string, Export | undefined>();
  private readonly stars: string[] = [];
  private readonly inExports = new Set<Binding>();
  private values = new Map<t.Node, Value | undefined>();
  private readonly evaluating = new Set<t.Node>();
  private circles = 0;
  private result: Stripping | undefined;
  private isNear: boolean | undefined;

  readonly file: string;
  readonly code: string;
  readonly program: NodePath<t.Program>;
  /** Whether the definitions in it are to be removed; uses of others' are in any case. */
  readonly strips: boolean;

  constructor(file: string, code: string, program: NodePath<t.Program>, strips: boolean) {
    this.file = file;
    this.code = code;
    this.program = program;
    this.strips = strips;
    this.isModule = program.node.sourceType === 'module';
    program.traverse({
      Import: (path) => this.request((path.parent as t.CallExpression).arguments?.[0], 'import'),
      ImportExpression: (path) => this.request(path.node.source, 'import'),
      CallExpression: (path) => {
        if (isRequire(path)) this.request(path.node.arguments[0], 'require');
      },
      TSExternalModuleReference: ({ node }) => this.request(node.expression, 'require'),
      ImportDeclaration: ({ node }) => this.request(node.source, 'import'),
      ExportAllDeclaration: ({ node }) => this.request(node.source, 'import'),
      ExportNamedDeclaration: ({ node }) => this.request(node.source, 'import'),
    });
    for (const statement of program.get('body')) this.findExports(statement);
  }

  /** What is left of it without probes. */
  get stripped(): Stripping {
    if (!this.result) {
      // Until it is settled what stays, a module that imports this one in a circle is told that nothing does. It then
      // removes uses of something that may stay, which does no harm.
      for (;;) {
        this.values = new Map();
        this.fields.clear();
        this.result = new Stripping(this);
        this.result.strip();
        if (!this.result.keeping.again) break;
      }
    }
    return this.result;
  }

  /** Whether anything of sonde is to be found from here, once all that this leads to is known. */
  reachesSonde(): boolean {
    if (this.isNear === undefined) {
      const reached = new Set<Module>([this]);
      for (const each of reached) for (const target of each.imports.values()) reached.add(target);
      this.isNear = [...reached].some(({ code, isNear }) => isNear ?? code.includes('sonde'));
      // Where nothing is found from here, nothing is from there.
      if (!this.isNear) for (const each of reached) each.isNear = false;
    }
    return this.isNear;
  }

  /** The files that what is left of it depends on: those that it imports, and whatever these may have their exports from. */
  dependencies(found = new Set<string>()): Set<string> {
    for (const module of this.imports.values()) {
      if (found.has(module.file)) continue;
      found.add(module.file);
      if (module.passesOn || module.reachesSonde()) module.dependencies(found);
    }
    return found;
  }

  /** Whether it exports what another module exports. */
  private get passesOn(): boolean {
    const isForeign = (each: Export | undefined) =>
      each !== undefined && ('from' in each || ('binding' in each && each.binding.kind === 'module'));
    return this.stars.length > 0 || [...this.exports.values()].some(isForeign);
  }

  /** What of probes it exports by this name. */
  exported(name: string, seen: readonly Module[] = []): Value | undefined {
    if (seen.includes(this)) return undefined;
    void this.stripped;
    const found = this.exports.get(name);
    if (found) {
      if ('from' in found) return this.exportedBy(found.from, found.name, [...seen, this]);
      return exportable('binding' in found ? this.variable(found.binding) : this.evaluate(found.path));
    }
    if (this.exports.has(name) || name === 'default') return undefined;
    for (const from of this.stars) {
      const value = this.exportedBy(from, name, [...seen, this]);
      if (value) return value;
    }
    return undefined;
  }

  private exportedBy(from: string, name: string, seen: readonly Module[]): Value | undefined {
    if (isSonde(from)) {
      if (!this.strips) return undefined;
      return name === '*' ? { kind: 'sonde' } : isHelper(name) ? { kind: 'helper', name } : undefined;
    }
    const module = this.imports.get(from);
    if (!module) return undefined;
    return name === '*' ? module.namespace() : module.importable(name, seen);
  }

  /** What `import { name } from` this module is. */
  private importable(name: string, seen: readonly Module[] = []): Value | undefined {
    return name === 'default' && !this.isModule ? this.whole() : this.exported(name, seen);
  }

  /** What `require` of this module is. */
  whole(): Value | undefined {
    void this.stripped;
    const all = this.exports.get('module.exports');
    if (all && 'path' in all && !this.isModule) {
      const value = this.evaluate(all.path);
      if (value?.kind !== 'object') return exportable(value);
    }
    return this.namespace();
  }

  private namespace(): Namespace | undefined {
    return this.probeExports().size > 0 ? { kind: 'namespace', module: this } : undefined;
  }

  /** All that it exports of probes and that will not be there. */
  probeExports(seen: readonly Module[] = []): Map<string, Value> {
    const found = new Map<string, Value>();
    if (seen.includes(this)) return found;
    for (const from of this.stars) {
      for (const [name, value] of this.imports.get(from)?.probeExports([...seen, this]) ?? []) {
        if (name !== 'default') found.set(name, value);
      }
    }
    for (const name of this.exports.keys()) {
      const value = name === 'module.exports' ? undefined : this.exported(name);
      if (value && vanishes(value)) found.set(name, value);
      else found.delete(name);
    }
    return found;
  }

  /** Whether nothing that it exports is left. */
  isAllProbes(seen: readonly Module[] = []): boolean {
    const names = [...this.exports.keys()].filter((name) => name !== 'module.exports');
    if (seen.includes(this) || names.length + this.stars.length === 0) return false;
    const isAway = (value: Value | undefined) => {
      if (value?.kind === 'namespace') return value.module.isAllProbes([...seen, this]);
      return value !== undefined && (vanishes(value) || value.kind === 'helper' || value.kind === 'sonde');
    };
    return (
      names.every((name) => isAway(this.exported(name))) &&
      this.stars.every((from) =>
        isSonde(from) ? this.strips : this.imports.get(from)?.isAllProbes([...seen, this]) === true,
      )
    );
  }

  /** What a name of another module stands for in an `export … from`. */
  reexported(from: string, name: string): Value | undefined {
    return this.exportedBy(from, name, [this]);
  }

  /** Whether an assignment is this module's one definition of that export. */
  isExport(right: NodePath): boolean {
    return [...this.exports.values()].some((each) => each && 'path' in each && each.path.node === right.node);
  }

  /** All expressions that are exported the CommonJS way. */
  commonExports(): NodePath[] {
    return [...this.exports.values()].flatMap((each) => (each && 'path' in each ? [each.path] : []));
  }

  evaluate(path: NodePath): Value | undefined {
    const { node } = path;
    if (!node) return undefined;
    if (this.values.has(node)) return this.values.get(node);
    return this.guarded(node, () => (this.kept.has(node) ? undefined : this.compute(unwrapped(path))));
  }

  /** Computes a value once. What refers to itself has none; what was found on the way there is not remembered. */
  private guarded<Found extends Value>(node: t.Node, compute: () => Found | undefined): Found | undefined {
    if (this.evaluating.has(node)) {
      this.circles++;
      return undefined;
    }
    const before = this.circles;
    this.evaluating.add(node);
    const value = compute();
    this.evaluating.delete(node);
    if (this.circles === before || this.evaluating.size === 0) this.values.set(node, value);
    return value;
  }

  private compute(path: NodePath): Value | undefined {
    if (this.kept.has(path.node)) return undefined;
    if (path.isIdentifier()) return this.identifier(path);
    if (path.isThisExpression()) return this.thisValue(path);
    if (path.isMemberExpression() || path.isOptionalMemberExpression()) {
      const object = path.get('object') as NodePath;
      if (isModuleExports(path) && !this.isModule) return this.own();
      const value = this.evaluate(object);
      return value && this.member(value, memberName(path));
    }
    if (path.isCallExpression() || path.isOptionalCallExpression()) return this.call(path);
    if (path.isNewExpression()) {
      const callee = this.evaluate(path.get('callee'));
      return callee?.kind === 'class' ? { kind: 'instance', of: callee } : undefined;
    }
    if (path.isAwaitExpression()) {
      const value = this.evaluate(path.get('argument'));
      return value?.kind === 'promise' ? value.of : undefined;
    }
    if (path.isImportExpression()) return this.dynamicImport(path.get('source'));
    if (path.isObjectExpression()) return this.definition(path) ?? this.object(path);
    if (path.isArrayExpression()) return this.definition(path);
    if (path.isClass()) return this.classValue(path);
    if (path.isUnaryExpression({ operator: '!' })) {
      const value = this.evaluate(path.get('argument'));
      return value?.kind === 'boolean' ? { kind: 'boolean', value: !value.value } : undefined;
    }
    if (path.isLogicalExpression()) return this.logical(path);
    if (path.isConditionalExpression()) {
      return either(this.evaluate(path.get('consequent')), this.evaluate(path.get('alternate')));
    }
    return undefined;
  }

  private identifier(path: NodePath<t.Identifier>): Value | undefined {
    if (!t.isReferenced(path.node, path.parent, path.parentPath?.parent)) return undefined;
    const binding = path.scope.getBinding(path.node.name);
    if (binding) return this.variable(binding);
    return path.node.name === 'exports' && !this.isModule ? this.own() : undefined;
  }

  /** This module's own `exports`. */
  private own(): Value | undefined {
    return this.exports.size > 0 && this.exports.get('module.exports') === undefined
      ? { kind: 'namespace', module: this }
      : undefined;
  }

  /** What a variable stands for: one that is never assigned to after its declaration. */
  variable(binding: Binding): Value | undefined {
    const { identifier, path } = binding;
    if (this.kept.has(identifier) || !binding.constant) return undefined;
    if (this.values.has(identifier)) return this.values.get(identifier);
    return this.guarded(identifier, () => {
      let value: Value | undefined;
      if (path.isTSImportEqualsDeclaration()) value = this.required(externalName(path.node));
      else if (binding.kind === 'module') value = this.imported(path);
      else if (path.isVariableDeclarator()) value = this.declared(path, identifier);
      else if (path.isClassDeclaration()) value = this.classValue(path);
      else if (binding.kind === 'param') value = this.parameter(binding);
      value ??= this.annotated(identifier, path);
      // What another module reads must be there, unless that module can be told what it is.
      return value && this.inExports.has(binding) ? exportable(value) : value;
    });
  }

  private imported(path: NodePath): Value | undefined {
    const declaration = path.parentPath;
    if (!declaration?.isImportDeclaration()) return undefined;
    const from = declaration.node.source.value;
    if (path.isImportNamespaceSpecifier()) return this.exportedBy(from, '*', []);
    const name = path.isImportSpecifier() ? specifierName(path.node.imported) : 'default';
    return this.exportedBy(from, name, []);
  }

  private declared(path: NodePath<t.VariableDeclarator>, identifier: t.Identifier): Value | undefined {
    const init = path.get('init');
    // An export of a namespace is a property of an object.
    const isProperty =
      path.parentPath.parentPath?.isExportDeclaration() && !path.parentPath.parentPath.parentPath?.isProgram();
    if (!init.isExpression() || isProperty) return undefined;
    const id = path.get('id') as NodePath;
    if (id.node === identifier) return lasting(this.evaluate(init));
    const names = patternNames(id, identifier);
    return names?.reduce<Value | undefined>((value, name) => value && this.member(value, name), this.evaluate(init));
  }

  /** An object that is declared to be of a class. */
  private annotated({ typeAnnotation }: t.Identifier, { scope }: NodePath): Value | undefined {
    const type = typeAnnotation?.type === 'TSTypeAnnotation' ? typeAnnotation.typeAnnotation : undefined;
    if (type?.type !== 'TSTypeReference' || type.typeName.type !== 'Identifier') return undefined;
    const binding = scope.getBinding(type.typeName.name);
    const of = binding && this.variable(binding);
    return of?.kind === 'class' ? { kind: 'instance', of } : undefined;
  }

  /** A parameter whose default is a probe is a probe, whoever calls. */
  private parameter({ identifier, path }: Binding): Value | undefined {
    const assignment = defaultOf(path, identifier);
    const value = assignment && this.evaluate(assignment.get('right'));
    return value && vanishes(value) ? anyOf(value) : undefined;
  }

  /** The parameters of a function that is called by its name, and which of them are probes. */
  takesProbes(callee: NodePath): boolean[] {
    const binding = callee.isIdentifier() ? callee.scope.getBinding(callee.node.name) : undefined;
    if (!binding?.constant) return [];
    const init = binding.path.isVariableDeclarator() ? (binding.path.get('init') as NodePath) : binding.path;
    if (!init.isFunction()) return [];
    return (init.get('params') as NodePath[]).map((param) => {
      const left = param.isAssignmentPattern() ? (param.get('left') as NodePath) : undefined;
      const own = left?.isIdentifier() ? init.scope.getOwnBinding(left.node.name) : undefined;
      return own !== undefined && this.variable(own) !== undefined;
    });
  }

  /** What `value.name` is. */
  member(value: Value, name: string | undefined): Value | undefined {
    if (name === undefined) return undefined;
    const origin = originOf(value);
    if (origin && this.remade.has(origin.provider)) return undefined;
    switch (value.kind) {
      case 'sonde':
        return isHelper(name) ? { kind: 'helper', name } : undefined;
      case 'provider': {
        if (name === 'unload' || name === '@@dispose') return { kind: 'method', of: value, name };
        const kind = value.members.get(name);
        return kind && { kind, origin: { provider: value, access: access(name) } };
      }
      case 'probe':
        if (name === 'enabled') return { kind: 'boolean', value: false };
        return name === 'fire' || name === 'fireWith' ? { kind: 'method', of: value, name } : undefined;
      case 'operation':
        if (name === 'enabled') return { kind: 'boolean', value: false };
        if (name === 'run' || name === 'runCallback') return { kind: 'method', of: value, name };
        return name === 'start' || name === 'done' || name === 'error' ? phase(value, name) : undefined;
      case 'phase':
        return name === 'enabled' ? { kind: 'boolean', value: false } : undefined;
      case 'object':
        return value.entries.get(name)?.value;
      case 'class':
        return value.statics.get(name)?.value;
      case 'instance':
        return value.of.fields.get(name)?.value;
      case 'definition':
        return value.entries?.get(name);
      case 'namespace':
        return value.module === this ? this.ownExport(name) : value.module.importable(name);
      default:
        return undefined;
    }
  }

  private ownExport(name: string): Value | undefined {
    const found = this.exports.get(name);
    return found && 'path' in found ? exportable(this.evaluate(found.path)) : undefined;
  }

  private call(path: NodePath<t.CallExpression | t.OptionalCallExpression>): Value | undefined {
    const callee = path.get('callee') as NodePath;
    if (callee.isImport()) return this.dynamicImport((path.get('arguments') as NodePath[])[0]);
    if (isRequire(path)) return this.required(path.node.arguments[0]);
    const value = this.evaluate(callee);
    if (value?.kind === 'helper') {
      if (value.name === 'status') return path.node.arguments.length === 0 ? { kind: 'status' } : undefined;
      return value.name === 'provider' ? this.provider(path) : this.definition(path);
    }
    if (value?.kind !== 'method') return undefined;
    if (value.name !== 'run' && value.name !== 'runCallback') return { kind: 'nothing' };
    const { arguments: given } = path.node;
    const enough = given.length >= (value.name === 'run' ? 2 : 3);
    return enough && !given.some(({ type }) => type === 'SpreadElement')
      ? { kind: 'run', name: value.name }
      : undefined;
  }

  private required(specifier: t.Node | undefined): Value | undefined {
    if (specifier?.type !== 'StringLiteral') return undefined;
    if (isSonde(specifier.value)) return this.strips ? { kind: 'sonde' } : undefined;
    return this.imports.get(specifier.value)?.whole();
  }

  private dynamicImport(source: NodePath | undefined): Value | undefined {
    if (!source?.isStringLiteral()) return undefined;
    const of = this.imports.get(source.node.value)?.namespace();
    return of && { kind: 'promise', of };
  }

  private provider(path: NodePath<t.CallExpression | t.OptionalCallExpression>): Value | undefined {
    const [name, source, ...options] = (path.get('arguments') as NodePath[]).map((each) => this.defines(each));
    if (!name || !source?.entries || options.length > 1 || options.includes(undefined)) return undefined;
    if (!name.text.startsWith('"')) return undefined;
    return {
      kind: 'provider',
      name: JSON.parse(name.text),
      members: new Map([...source.entries].map(([key, each]) => [key, each.isOperation ? 'operation' : 'probe'])),
      text: `${SONDE}.provider(${[name, source, ...options].map((each) => each!.text).join(', ')})`,
      source: this.sondeOf(path.get('callee') as NodePath),
    };
  }

  private definition(path: NodePath) {
    const value = this.defines(path);
    return value?.isOfSonde ? value : undefined;
  }

  private defines(path: NodePath) {
    return define(path, {
      helper: (callee) => {
        const value = this.evaluate(callee);
        return value?.kind === 'helper' ? value.name : undefined;
      },
      known: (other) => {
        const value = this.evaluate(other);
        return value?.kind === 'definition' ? value : undefined;
      },
    });
  }

  /** The package that a function of sonde comes from. */
  private sondeOf(callee: NodePath): string {
    const inner = unwrapped(callee);
    const root = inner.isMemberExpression() ? unwrapped(inner.get('object')) : inner;
    const declared = root.isIdentifier() ? root.scope.getBinding(root.node.name)?.path : undefined;
    const source = declared?.parentPath?.isImportDeclaration() ? declared.parentPath.node.source.value : undefined;
    if (source !== undefined && isSonde(source)) return source;
    return [...this.requests.keys()].find(isSonde) ?? 'sonde';
  }

  private object(path: NodePath<t.ObjectExpression>): Value | undefined {
    const entries = new Map<string, Entry>();
    const properties = path.get('properties');
    for (const property of properties) {
      const name = property.isObjectProperty() ? propertyName(property, 'key') : undefined;
      if (name === undefined) continue;
      const expression = property.get('value') as NodePath;
      const value = this.evaluate(expression);
      if (value && vanishes(value) && exportable(value)) entries.set(name, { value, path: expression, module: this });
    }
    if (entries.size === 0) return undefined;
    return { kind: 'object', entries, whole: entries.size === properties.length };
  }

  private classValue(path: NodePath<t.Class>): Class | undefined {
    const { body } = path.node;
    if (this.values.has(body)) return this.values.get(body) as Class | undefined;
    return this.guarded(body, () => this.fieldsOf(path));
  }

  private fieldsOf(path: NodePath<t.Class>): Class | undefined {
    const statics = new Map<string, Entry>();
    const fields = new Map<string, Entry>();
    const value: Class = { kind: 'class', statics, fields };
    const above = path.node.superClass ? this.evaluate(path.get('superClass') as NodePath) : undefined;
    if (above?.kind === 'class') {
      for (const [name, entry] of above.statics) statics.set(name, entry);
      for (const [name, entry] of above.fields) fields.set(name, entry);
    }
    for (const member of path.get('body.body')) {
      const name = propertyName(member, 'key');
      if (name === undefined) continue;
      const entries = (member.node as t.ClassProperty).static ? statics : fields;
      const entry = this.field(member, name);
      if (!entry) entries.delete(name);
      else {
        entries.set(name, entry);
        this.fields.set(name, [...(this.fields.get(name) ?? []), entry]);
      }
    }
    return statics.size + fields.size === 0 ? undefined : value;
  }

  private field(member: NodePath, name: string): Entry | undefined {
    if (!member.isClassProperty() && !member.isClassPrivateProperty() && !member.isClassAccessorProperty()) return;
    if (this.kept.has(member.node) || member.node.decorators?.length) return;
    const path = member.get('value') as NodePath;
    const value = path.node ? this.evaluate(path) : undefined;
    if (!value || !vanishes(value) || !exportable(value) || this.assigned().has(name)) return;
    return { value, path, module: this };
  }

  /** Names of fields into which something is put somewhere in the module: these are not always what they were first. */
  private assignedNames: Set<string> | undefined;
  private assigned(): Set<string> {
    if (this.assignedNames) return this.assignedNames;
    const names = new Set<string>();
    const note = (path: NodePath) => {
      const name = path.isMemberExpression() ? propertyName(path, 'property') : undefined;
      if (name !== undefined) names.add(name);
    };
    this.program.traverse({
      AssignmentExpression: (path) => note(path.get('left') as NodePath),
      UpdateExpression: (path) => note(path.get('argument')),
      UnaryExpression: (path) => {
        if (path.node.operator === 'delete') note(path.get('argument'));
      },
    });
    this.assignedNames = names;
    return names;
  }

  private thisValue(path: NodePath): Value | undefined {
    const home = path.findParent(
      (each) => (each.isFunction() && !each.isArrowFunctionExpression()) || each.parentPath?.isClassBody() === true,
    );
    const owner = home?.isObjectMethod() ? home : home?.parentPath;
    if (owner?.isObjectMember()) return this.evaluate(owner.parentPath);
    if (!home?.parentPath?.isClassBody()) return undefined;
    const of = this.classValue(home.parentPath.parentPath as NodePath<t.Class>);
    if (!of) return undefined;
    const isStatic = home.isStaticBlock() || ('static' in home.node && home.node.static === true);
    return isStatic ? of : { kind: 'instance', of };
  }

  private logical(path: NodePath<t.LogicalExpression>): Value | undefined {
    const { operator } = path.node;
    const left = this.evaluate(path.get('left'));
    const right = path.get('right');
    if (left?.kind === 'boolean') {
      const decided = operator === '??' || left.value === (operator === '||');
      return decided ? left : lasting(this.evaluate(right));
    }
    const other = this.evaluate(right);
    if (left && vanishes(left)) return operator === '&&' ? lasting(other) : left;
    // `isOn && probe`, `given ?? probe`
    return other && vanishes(other) && other.kind !== 'definition' && left === undefined && operator === '&&'
      ? anyOf(other)
      : undefined;
  }

  private request(source: t.Node | null | undefined, kind: 'import' | 'require'): void {
    if (source?.type === 'StringLiteral' && !this.requests.has(source.value)) this.requests.set(source.value, kind);
  }

  private findExports(statement: NodePath<t.Statement>): void {
    if (isType(statement)) return;
    if (statement.isExportAllDeclaration()) {
      if (statement.node.exportKind !== 'type') this.stars.push(statement.node.source.value);
    } else if (statement.isExportDefaultDeclaration()) {
      const declaration = statement.get('declaration') as NodePath;
      this.exports.set('default', { path: declaration });
    } else if (statement.isExportNamedDeclaration()) {
      this.findNamed(statement);
    } else if (statement.isExpressionStatement() && !this.isModule) {
      this.findAssigned(statement.get('expression'));
    }
  }

  private findNamed(statement: NodePath<t.ExportNamedDeclaration>): void {
    if (statement.node.exportKind === 'type') return;
    const from = statement.node.source?.value;
    for (const specifier of statement.get('specifiers')) {
      if (specifier.isExportNamespaceSpecifier()) {
        this.exports.set(specifier.node.exported.name, { from: from!, name: '*' });
      } else if (specifier.isExportSpecifier() && specifier.node.exportKind !== 'type') {
        const name = specifierName(specifier.node.exported);
        const local = specifierName(specifier.node.local);
        if (from !== undefined) this.exports.set(name, { from, name: local });
        else this.exportVariable(name, statement.scope.getBinding(local));
      }
    }
    const declaration = statement.get('declaration') as NodePath;
    if (!declaration.node || isType(declaration)) return;
    for (const name of Object.keys(declaration.getBindingIdentifiers())) {
      this.exportVariable(name, statement.scope.getBinding(name));
    }
  }

  private exportVariable(name: string, binding: Binding | undefined): void {
    if (!binding) return;
    this.inExports.add(binding);
    this.exports.set(name, { binding });
  }

  /** `module.exports = …`, `exports.name = …`: one assignment for each, or it is none. */
  private findAssigned(path: NodePath): void {
    const assignment = unwrapped(path);
    if (!assignment.isAssignmentExpression({ operator: '=' })) return;
    const left = assignment.get('left') as NodePath;
    const right = assignment.get('right');
    if (isModuleExports(left)) {
      this.setOnce('module.exports', right);
      const object = unwrapped(right);
      if (!object.isObjectExpression()) return;
      for (const property of object.get('properties')) {
        const name = property.isObjectProperty() ? propertyName(property, 'key') : undefined;
        if (name !== undefined) this.setOnce(name, property.get('value') as NodePath);
      }
    } else if (left.isMemberExpression()) {
      const object = left.get('object');
      const isExports = object.isIdentifier({ name: 'exports' }) || isModuleExports(object);
      const name = propertyName(left, 'property');
      if (isExports && name !== undefined) this.setOnce(name, right);
    }
  }

  private setOnce(name: string, path: NodePath): void {
    this.exports.set(name, this.exports.has(name) ? undefined : { path });
  }
}

/** What other modules may be told of: what stands in one place, which they could make again. */
function exportable(value: Value | undefined): Value | undefined {
  if (!value) return undefined;
  return ['definition', 'object', 'class', 'namespace', 'helper', 'sonde'].includes(value.kind) || originOf(value)
    ? value
    : undefined;
}

function either(a: Value | undefined, b: Value | undefined): Value | undefined {
  return a && a.kind === b?.kind && originOf(a) && a.kind !== 'provider' ? anyOf(a) : undefined;
}

/** One of several: which, is not known here. */
function anyOf(value: Value): Value | undefined {
  if (value.kind === 'provider') return { ...value, isAnyOf: true };
  return originOf(value) ? ({ kind: value.kind } as Part) : value;
}

const phase = (of: Part, name: string): Part => ({
  kind: 'phase',
  ...(of.origin && { origin: { provider: of.origin.provider, access: `${of.origin.access}.${name}` } }),
});

/** What is more than a call: that stands for nothing but where it is written. */
function lasting(value: Value | undefined): Value | undefined {
  return value && ['nothing', 'run', 'status', 'method'].includes(value.kind) ? undefined : value;
}

function memberName(path: NodePath<t.MemberExpression | t.OptionalMemberExpression>): string | undefined {
  const property = path.get('property') as NodePath;
  if (path.node.computed && property.isMemberExpression() && property.get('object').isIdentifier({ name: 'Symbol' })) {
    return propertyName(property, 'property') === 'dispose' ? '@@dispose' : undefined;
  }
  return propertyName(path, 'property');
}

const externalName = ({ moduleReference }: t.TSImportEqualsDeclaration) =>
  moduleReference.type === 'TSExternalModuleReference' ? moduleReference.expression : undefined;

/** The names by which a pattern takes this identifier out of a value. */
function patternNames(pattern: NodePath, identifier: t.Identifier): string[] | undefined {
  if (pattern.node === identifier) return [];
  if (pattern.isAssignmentPattern()) return patternNames(pattern.get('left') as NodePath, identifier);
  if (!pattern.isObjectPattern()) return undefined;
  for (const property of pattern.get('properties')) {
    if (!property.isObjectProperty()) continue;
    const name = propertyName(property, 'key');
    const rest = patternNames(property.get('value') as NodePath, identifier);
    if (rest) return name === undefined ? undefined : [name, ...rest];
  }
  return undefined;
}

/** The default that a parameter, or a property of one, has. */
export function defaultOf(pattern: NodePath, identifier: t.Identifier): NodePath<t.AssignmentPattern> | undefined {
  if (pattern.isAssignmentPattern()) {
    const left = pattern.get('left') as NodePath;
    return left.node === identifier ? pattern : defaultOf(left, identifier);
  }
  if (!pattern.isObjectPattern()) return undefined;
  const properties = pattern.get('properties');
  if (properties.some((property) => property.isRestElement())) return undefined;
  for (const property of properties) {
    const found = defaultOf(property.get('value') as NodePath, identifier);
    if (found) return found;
  }
  return undefined;
}

function isModuleExports(path: NodePath): boolean {
  if (!path.isMemberExpression() || propertyName(path, 'property') !== 'exports') return false;
  const object = path.get('object');
  return object.isIdentifier({ name: 'module' }) && !object.scope.hasBinding('module', true);
}

export function isRequire(path: NodePath): path is NodePath<t.CallExpression> {
  if (!path.isCallExpression() || path.node.arguments.length !== 1) return false;
  const callee = path.get('callee');
  return callee.isIdentifier({ name: 'require' }) && !callee.scope.hasBinding('require', true);
}
