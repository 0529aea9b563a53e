// Takes the probes out of one module. It goes through the program once, from the outside in, and changes the text on the way
// back. An expression that vanishes leaves an outcome to what stands around it, which takes it in (a call that is a
// statement goes with its line, `if (false)` goes with its body) or writes it down (`void 0`, `false`). Where something
// that vanishes stands where it cannot, what defines it has to stay: that is noted, and all is done again.
import type { Binding, NodePath, Scope } from '@babel/traverse';
import type * as t from '@babel/types';
import { Edits } from './edits.js';
import { defaultOf, type Module } from './module.js';
import {
  changesProgram,
  children,
  isPure,
  isType,
  isWrapper,
  propertyName,
  specifierName,
  unwrapped,
  wrapped,
} from './source.js';
import { access, type Entries, isSonde, originOf, type Provider, SONDE, type Value, vanishes } from './value.js';

/** What `status()` tells where there are no probes. */
const STATUS =
  "{ backend: 'noop', requested: 'noop', reason: 'the probes were removed by @sonde/strip', providers: [] }";

type Outcome =
  /** `undefined`, a boolean, or (loose) what counts as one where only that matters; after `effects`. */
  | { readonly is: 'constant'; readonly value: boolean | undefined; readonly effects: readonly NodePath[] }
  /** Something that stands for nothing in a program without probes. */
  | { readonly is: 'vanishing'; readonly value: Value; readonly effects: readonly NodePath[] };

const nothing = (effects: readonly NodePath[] = []): Outcome => ({ is: 'constant', value: undefined, effects });
const truth = (outcome: Outcome) => outcome.is === 'vanishing' || outcome.value === true;

export interface Warning {
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1. */
  readonly column: number;
  readonly message: string;
}

export class Stripping {
  readonly edits: Edits;
  /** Something was found that must stay, and this is not it. */
  again = false;
  private readonly warned = new Map<t.Node, string>();
  /** Names that came into a scope out of a block. */
  private readonly spilled = new Map<Scope, Set<string>>();
  /** Where something is used as a probe that has the name of one, and may be the field of an object of any class. */
  private readonly strangers = new Map<string, NodePath>();
  private isSondeNamed = false;
  private inert: boolean | undefined;

  private readonly module: Module;

  constructor(module: Module) {
    this.module = module;
    const literals: t.Node[] = [];
    module.program.traverse({
      TemplateElement: ({ node }) => void literals.push(node),
      JSXText: ({ node }) => void literals.push(node),
    });
    this.edits = new Edits(module.code, literals as { start: number; end: number }[]);
  }

  strip(): void {
    this.list(this.module.program.get('body'));
    this.keepFields();
    if (this.again) return;
    this.sweep();
    this.edits.tidy();
    this.addRemade();
  }

  get warnings(): Warning[] {
    return [...this.module.causes, ...this.warned]
      .map(([{ loc }, message]) => ({ line: loc!.start.line, column: loc!.start.column + 1, message }))
      .sort((a, b) => a.line - b.line || a.column - b.column);
  }

  /** Whether running what is left does nothing that can be noticed. */
  get isInert(): boolean {
    if (this.inert === undefined) {
      this.inert = true;
      this.inert = this.module.program.get('body').every((statement) => this.isInertStatement(statement));
    }
    return this.inert;
  }

  // Statements. Each of these returns whether the statement is to go; who has it takes it out.

  private list(statements: NodePath[]): void {
    for (const [index, statement] of statements.entries()) {
      if (this.statement(statement)) this.eraseStatement(statements, index);
    }
  }

  private eraseStatement(statements: NodePath[], index: number): void {
    const { node } = statements[index]!;
    const next = statements[index + 1]?.node;
    const { code } = this.module;
    if (node.type === 'ExpressionStatement' && code[node.end! - 1] === ';') {
      // Where semicolons are left out, one stands before what would continue the line above: `;[1, 2].map(…)`.
      const hasOwnLine = code.slice(node.expression.end!, node.end!).includes('\n');
      if (hasOwnLine) {
        this.edits.erase(node.start!, node.end! - 1);
        return;
      }
      if (next && /[([`/+-]/.test(code[next.start!]!) && !this.isEnded(statements, index)) {
        this.edits.replace(node.start!, node.end!, ';');
        return;
      }
    }
    const isFirst = statements[0] === statements[index] && statements[index]!.parentPath?.isProgram() === true;
    this.edits.eraseLines(node, isFirst);
  }

  /** Whether what is left before a statement does not run on into it. */
  private isEnded(statements: readonly NodePath[], index: number): boolean {
    const before = statements.slice(0, index).findLast(({ node }) => !this.edits.isGone(node));
    return !before || /[;}]/.test(this.module.code[before.node.end! - 1]!);
  }

  private statement(path: NodePath): boolean {
    if (isType(path) || path.isImportDeclaration() || path.isTSImportEqualsDeclaration()) return false;
    if (path.isExpressionStatement()) return this.expressionStatement(path);
    if (path.isBlockStatement()) return this.block(path);
    if (path.isIfStatement()) return this.ifStatement(path);
    if (path.isVariableDeclaration()) return this.declaration(path);
    if (path.isReturnStatement()) return this.returnStatement(path);
    if (path.isWhileStatement()) return this.whileStatement(path);
    if (path.isFor() || path.isDoWhileStatement() || path.isWithStatement()) return this.loop(path);
    if (path.isTryStatement()) return this.tryStatement(path);
    if (path.isLabeledStatement()) return this.statement(path.get('body'));
    if (path.isExportNamedDeclaration()) return this.exportNamed(path);
    if (path.isExportDefaultDeclaration()) return this.exportDefault(path);
    if (path.isExportAllDeclaration()) return this.exportAll(path);
    if (path.isFunction()) this.function(path);
    else if (path.isClass()) this.class(path);
    else this.inside(path);
    return false;
  }

  private expressionStatement(path: NodePath<t.ExpressionStatement>): boolean {
    const expression = path.get('expression');
    const value = this.module.evaluate(expression);
    if (value?.kind === 'sonde') return true;
    if (value?.kind === 'namespace' || value?.kind === 'promise') return this.isImportIdle(expression, value);
    if (this.isStrippedExport(expression)) return true;
    const inline = this.inlinedRun(expression, path);
    if (inline) return inline === 'gone';
    const outcome = this.expression(expression);
    if (!outcome) return false;
    if (outcome.effects.length === 0) return true;
    this.keepStatements(path, outcome.effects);
    return false;
  }

  /** Leaves these expressions of a statement, as statements. */
  private keepStatements(path: NodePath, effects: readonly NodePath[]): void {
    const { start } = path.node;
    const lineStart = this.module.code.lastIndexOf('\n', start! - 1) + 1;
    const indent = /^\s*/.exec(this.module.code.slice(lineStart, start!))![0];
    const parts = effects.map(({ node }) => node as Span);
    if (this.lead(effects[0]!, path)) this.edits.keepOnly(path.node as Span, parts, '(', ', ', ');');
    else if (path.inList)
      this.edits.keepOnly(path.node as Span, parts, this.hazard(effects[0]!, path), `;\n${indent}`, ';');
    else if (parts.length > 1) this.edits.keepOnly(path.node as Span, parts, '{ ', '; ', '; }');
    else this.edits.keepOnly(path.node as Span, parts, '', '', ';');
  }

  private block(path: NodePath<t.BlockStatement>): boolean {
    const body = path.get('body');
    this.list(body);
    return body.length > 0 && this.edits.isBlank(path.node.start! + 1, path.node.end! - 1);
  }

  /** A block that has to stay, if only as `{}`. */
  private body(path: NodePath): void {
    if (this.statement(path)) this.edits.replace(path.node.start!, path.node.end!, '{}');
  }

  private ifStatement(path: NodePath<t.IfStatement>): boolean {
    const test = path.get('test');
    const consequent = path.get('consequent') as NodePath;
    const alternate = path.get('alternate') as NodePath;
    const known = this.expression(test);
    if (known) {
      const chosen = truth(known) ? consequent : alternate;
      if (!chosen.node || this.statement(chosen)) {
        if (known.effects.length === 0) return true;
        this.keepStatements(path, known.effects);
        return false;
      }
      this.replaceStatement(path, chosen, known.effects);
      return false;
    }
    const isConsequentGone = this.statement(consequent);
    const isAlternateGone = alternate.node ? this.statement(alternate) : false;
    if (isConsequentGone && (isAlternateGone || !alternate.node)) {
      if (isPure(test)) return true;
      this.keepStatements(path, [test]);
    } else if (isAlternateGone && couldDangle(path)) {
      this.edits.replace(alternate.node.start!, alternate.node.end!, '{}');
    } else if (isAlternateGone) {
      this.edits.erase(consequent.node.end!, path.node.end!);
    } else if (isConsequentGone && (alternate.isIfStatement() || couldDangle(path))) {
      this.edits.replace(consequent.node.start!, consequent.node.end!, '{}');
    } else if (isConsequentGone) {
      this.negate(test);
      this.edits.erase(consequent.node.start!, alternate.node.start!);
    }
    return false;
  }

  /** Turns a condition into its opposite. */
  private negate(test: NodePath): void {
    const inner = unwrapped(test);
    const opposite = inner.isBinaryExpression() ? OPPOSITES.get(inner.node.operator) : undefined;
    if (inner.isUnaryExpression({ operator: '!' })) {
      this.edits.keepOnly(test.node as Span, [inner.get('argument').node as Span]);
    } else if (inner.isBinaryExpression() && opposite !== undefined) {
      const { right, operator } = inner.node;
      const at = this.module.code.lastIndexOf(operator, right.start! - operator.length);
      this.edits.replace(at, at + operator.length, opposite);
    } else {
      const isPlain = inner.isIdentifier() || inner.isMemberExpression() || inner.isCallExpression();
      this.edits.keepOnly(test.node as Span, [test.node as Span], isPlain ? '!' : '!(', '', isPlain ? '' : ')');
    }
  }

  /** Puts one of its parts in a statement's place, without braces where these mean nothing. */
  private replaceStatement(path: NodePath, part: NodePath, effects: readonly NodePath[]): void {
    const before = effects.length > 0 ? [...effects] : [];
    if (before.length > 0) {
      this.edits.keepOnly(
        path.node as Span,
        [...before, part].map(({ node }) => node as Span),
        '',
        '; ',
      );
      return;
    }
    if (!part.isBlockStatement() || !this.canUnwrap(part, path)) {
      this.edits.keepOnly(path.node as Span, [part.node as Span], this.hazard(part, path));
      return;
    }
    this.spill(path, part, '');
  }

  /** Puts the statements of a block into the place of one. */
  private spill(path: NodePath, block: NodePath<t.BlockStatement>, after: string): void {
    const left = block.get('body').filter(({ node }) => !this.edits.isGone(node));
    const first = left[0];
    const last = left.at(-1);
    if (!first || !last) {
      this.edits.replace(path.node.start!, path.node.end!, after);
      return;
    }
    const range = { start: this.edits.withComments(first.node), end: last.node.end! };
    this.edits.outdent(range, path.node.start!);
    this.edits.keepOnly(path.node as Span, [range], this.hazard(first, path), '', after);
  }

  /** Whether the names that a block declares are nobody else's around it. */
  private canUnwrap(block: NodePath<t.BlockStatement>, place: NodePath): boolean {
    if (!place.inList || !place.parentPath) return false;
    const outside = place.parentPath.scope;
    const own = block.parentPath?.isFunction() ? block.parentPath.scope : block.scope;
    if (own === outside) return true;
    const names = Object.keys(own.bindings);
    const taken = this.spilled.get(outside) ?? new Set<string>();
    if (names.some((name) => taken.has(name) || outside.hasBinding(name, true) || this.isFree(name))) return false;
    this.spilled.set(outside, new Set([...taken, ...names]));
    return true;
  }

  /** Whether the module uses a name that it does not declare. */
  private isFree(name: string): boolean {
    return this.module.program.scope.hasGlobal(name);
  }

  private whileStatement(path: NodePath<t.WhileStatement>): boolean {
    const known = this.expression(path.get('test'));
    if (known && !truth(known) && known.effects.length === 0) return true;
    if (known) this.write(path.get('test'), known);
    this.body(path.get('body'));
    return false;
  }

  private loop(path: NodePath): boolean {
    for (const key of ['init', 'left', 'right', 'test', 'update', 'object'] as const) {
      const part = path.get(key) as NodePath;
      if (!part.node) continue;
      if (part.isVariableDeclaration()) {
        if (this.declaration(part)) this.edits.erase(part.node.start!, part.node.end!);
        continue;
      }
      const outcome = part.isExpression() ? this.expression(part) : this.inside(part);
      const isUnused = (key === 'init' || key === 'update') && outcome?.is === 'constant' && !outcome.effects.length;
      if (isUnused) this.edits.erase(part.node.start!, part.node.end!);
      else if (outcome) this.write(part, outcome);
    }
    this.body(path.get('body') as NodePath);
    return false;
  }

  private tryStatement(path: NodePath<t.TryStatement>): boolean {
    const block = path.get('block');
    const handler = path.get('handler') as NodePath;
    const finalizer = path.get('finalizer') as NodePath;
    const isGone = this.statement(block);
    if (handler.node) this.body(handler.get('body') as NodePath);
    const isFinalizerGone = finalizer.node ? this.statement(finalizer) : false;
    if (isGone && (!finalizer.node || isFinalizerGone)) return true;
    if (isGone) this.edits.replace(block.node.start!, block.node.end!, '{}');
    if (isFinalizerGone && handler.node) this.edits.erase(handler.node.end!, finalizer.node.end!);
    else if (isFinalizerGone) this.edits.replace(finalizer.node.start!, finalizer.node.end!, '{}');
    return false;
  }

  private returnStatement(path: NodePath<t.ReturnStatement>): boolean {
    const argument = path.get('argument') as NodePath;
    if (!argument.node) return false;
    if (this.inlinedRun(argument, path)) return false;
    const outcome = this.expression(argument);
    if (!outcome) return false;
    const isNothing = outcome.is === 'constant' && outcome.value === undefined && outcome.effects.length === 0;
    if (isNothing) this.edits.erase(path.node.start! + 'return'.length, argument.node.end!);
    else this.write(argument, outcome);
    return false;
  }

  private declaration(path: NodePath<t.VariableDeclaration>): boolean {
    const declarators = path.get('declarations');
    const gone = declarators.filter((declarator) => this.declarator(declarator));
    if (gone.length === declarators.length) return true;
    this.edits.eraseItems(
      declarators.map(({ node }) => node),
      (node) => gone.some((each) => each.node === node),
    );
    return false;
  }

  private declarator(path: NodePath<t.VariableDeclarator>): boolean {
    const id = path.get('id') as NodePath;
    const init = path.get('init') as NodePath;
    const value = init.node ? this.module.evaluate(init) : undefined;
    if (value && !this.module.copied.has(unwrapped(init).node) && !this.isRemade(value)) {
      if (id.isIdentifier()) {
        const isKnown = this.known(id) !== undefined;
        if (isKnown && (vanishes(value) || value.kind === 'boolean')) return true;
        const object = unwrapped(init);
        if (isKnown && value.kind === 'object' && object.isObjectExpression()) {
          this.properties(object);
          return false;
        }
        // Whether anything of these is still used is seen in the end.
        if (isKnown && ['object', 'namespace', 'promise', 'sonde', 'helper'].includes(value.kind)) return false;
      } else if (id.isObjectPattern() && isContainer(value)) {
        if (this.pattern(id, value)) return this.isEmptied(path, id, init, value);
        const isQuiet = Object.values(id.getBindingIdentifiers()).some((each) => this.module.kept.has(each));
        this.keep(init, value, isQuiet);
        return false;
      }
    }
    this.inside(id);
    if (init.node) this.use(init);
    return false;
  }

  /** Whether a declaration whose names are all gone is to go, or leaves the import of a module that does something. */
  private isEmptied(path: NodePath, id: NodePath<t.ObjectPattern>, init: NodePath, value: Value): boolean {
    const { properties } = id.node;
    if (properties.length === 0 || !properties.every((property) => this.edits.isGone(property))) {
      const object = unwrapped(init);
      if (object.isObjectExpression()) this.properties(object);
      return false;
    }
    return this.isImportIdle(init, value) || !this.leaveInit(path, init);
  }

  /** Leaves of a declaration the call that gives the value. */
  private leaveInit(path: NodePath, init: NodePath): boolean {
    const declaration = path.parentPath!;
    if (!declaration.inList || (declaration.node as t.VariableDeclaration).declarations.length > 1) return true;
    this.edits.keepOnly(declaration.node as Span, [init.node as Span], '', '', ';');
    return true;
  }

  /** Whether an expression that gives a whole module does nothing else: it only names it, or the module does nothing. */
  private isImportIdle(init: NodePath, value: Value): boolean {
    if (value.kind !== 'namespace' && value.kind !== 'promise') return true;
    const inner = unwrapped(init);
    const isCall = inner.isCallExpression() || inner.isAwaitExpression() || inner.isImportExpression();
    return !isCall || (value.kind === 'promise' ? value.of : value).module.stripped.isInert;
  }

  private isRemade(value: Value): boolean {
    const origin = originOf(value);
    return origin !== undefined && this.module.remade.has(origin.provider);
  }

  /** What a variable stands for, where it is declared. */
  private known(id: NodePath<t.Identifier>): Value | undefined {
    const binding = id.scope.getBinding(id.node.name);
    return binding && this.module.variable(binding);
  }

  /** Takes out of an object what vanishes. */
  private properties(object: NodePath<t.ObjectExpression>): void {
    const gone = new Set<t.Node>();
    for (const property of object.get('properties')) {
      const value = property.isObjectProperty() ? this.module.evaluate(property.get('value') as NodePath) : undefined;
      const isNamed = property.isObjectProperty() && propertyName(property, 'key') !== undefined;
      if (value && isNamed && vanishes(value)) gone.add(property.node);
      else this.inside(property);
    }
    this.edits.eraseItems(object.node.properties, (each) => gone.has(each));
  }

  /**
   * Takes out of a pattern the names that vanish.
   *
   * @returns false if a name that it declares must have a value which will not be there
   */
  private pattern(pattern: NodePath<t.ObjectPattern>, value: Value): boolean {
    const gone = new Set<t.Node>();
    const properties = pattern.get('properties');
    const isOpen =
      value.kind !== 'provider' && value.kind !== 'probe' && value.kind !== 'operation' && value.kind !== 'phase';
    for (const property of properties) {
      if (property.isRestElement()) {
        if (isOpen) continue;
        return false;
      }
      const name = propertyName(property, 'key');
      const found = this.module.member(value, name);
      if (!found && isOpen && name !== undefined) continue;
      if (!found) return false;
      const names = Object.values((property.get('value') as NodePath).getBindingIdentifiers());
      const values = names.map((each) => this.variable(property, each));
      if (!vanishes(found) && found.kind !== 'boolean' && isOpen) continue;
      if (names.length === 0 || values.includes(undefined)) return false;
      gone.add(property.node);
    }
    for (const property of properties) if (!gone.has(property.node)) this.inside(property);
    if (gone.size === properties.length) {
      for (const { node } of properties) this.edits.erase(node.start!, node.end!);
    } else this.edits.eraseItems(pattern.node.properties, (each) => gone.has(each));
    return true;
  }

  private variable(path: NodePath, identifier: t.Identifier): Value | undefined {
    const binding = path.scope.getBinding(identifier.name);
    return binding && this.module.variable(binding);
  }

  // Exports.

  private isStrippedExport(path: NodePath): boolean {
    const assignment = unwrapped(path);
    if (!assignment.isAssignmentExpression({ operator: '=' })) return false;
    const right = assignment.get('right');
    const value = this.module.evaluate(right);
    if (!value || !this.module.isExport(right)) return false;
    return vanishes(value);
  }

  private exportNamed(path: NodePath<t.ExportNamedDeclaration>): boolean {
    if (path.node.exportKind === 'type') return false;
    const declaration = path.get('declaration') as NodePath;
    if (declaration.node) return !isType(declaration) && this.statement(declaration);
    const from = path.node.source?.value;
    const specifiers = path.get('specifiers');
    if (specifiers.length === 0) return false;
    const gone = new Set<t.Node>();
    for (const specifier of specifiers) {
      if (specifier.isExportSpecifier() && specifier.node.exportKind === 'type') continue;
      const local = specifier.isExportSpecifier() ? specifierName(specifier.node.local) : '*';
      const binding = from === undefined ? path.scope.getBinding(local) : undefined;
      const value = from === undefined ? binding && this.module.variable(binding) : this.module.reexported(from, local);
      if (value && (vanishes(value) || (from !== undefined && this.isAway(value)))) gone.add(specifier.node);
    }
    if (gone.size < specifiers.length) {
      this.edits.eraseItems(path.node.specifiers, (each) => gone.has(each));
      return false;
    }
    return from === undefined || this.leaveImport(path, from);
  }

  /** Whether a re-exported thing is all probes: sonde's own functions, or a module with nothing else. */
  private isAway(value: Value): boolean {
    if (value.kind === 'helper' || value.kind === 'sonde') return true;
    return value.kind === 'namespace' && value.module.isAllProbes();
  }

  private exportDefault(path: NodePath<t.ExportDefaultDeclaration>): boolean {
    const declaration = path.get('declaration') as NodePath;
    const value = declaration.isExpression() ? this.module.evaluate(declaration) : undefined;
    if (value && vanishes(value) && this.module.exported('default')) return true;
    if (value?.kind === 'object' && !value.whole)
      this.properties(unwrapped(declaration) as NodePath<t.ObjectExpression>);
    else if (declaration.isExpression()) this.use(declaration);
    else this.inside(declaration);
    return false;
  }

  private exportAll(path: NodePath<t.ExportAllDeclaration>): boolean {
    const from = path.node.source.value;
    if (path.node.exportKind === 'type') return false;
    if (isSonde(from)) return this.module.reexported(from, '*') !== undefined;
    const target = this.module.imports.get(from);
    return target?.isAllProbes() === true && this.leaveImport(path, from);
  }

  /** What is left of an import whose names are gone: nothing, if running the module does nothing. */
  private leaveImport(path: NodePath, from: string): boolean {
    if (isSonde(from) || this.isIdle(from)) return true;
    const quoted = this.module.code.slice(...span((path.node as t.ImportDeclaration).source));
    this.edits.replace(path.node.start!, path.node.end!, `import ${quoted};`);
    return false;
  }

  /** Whether running a module does nothing: as far as it can be known. */
  private isIdle(from: string): boolean {
    const target = this.module.imports.get(from);
    return target ? target.stripped.isInert : from.startsWith('node:');
  }

  // Everything that is neither statement nor expression, and expressions within.

  private inside(path: NodePath): undefined {
    for (const child of children(path)) this.use(child);
  }

  private use(path: NodePath): void {
    if (!path.node || isType(path)) return;
    if (path.isFunction()) this.function(path);
    else if (path.isClass()) this.class(path);
    else if (path.isExpression()) {
      const outcome = this.expression(path);
      if (outcome) this.write(path, outcome);
    } else if (path.isBlockStatement() || path.isStaticBlock()) {
      this.list(path.get('body') as NodePath[]);
    } else if (path.isSwitchCase()) {
      this.use(path.get('test') as NodePath);
      this.list(path.get('consequent'));
    } else if (path.isStatement()) {
      if (this.statement(path)) this.eraseStatement([path], 0);
    } else this.inside(path);
  }

  private function(path: NodePath<t.Function>): void {
    this.use(path.get('key') as NodePath);
    for (const decorator of [path.get('decorators') as NodePath[]].flat()) if (decorator.node) this.use(decorator);
    this.parameters(path);
    const body = path.get('body') as NodePath;
    if (!body.node) return;
    if (body.isBlockStatement()) {
      this.body(body);
      return;
    }
    const outcome = this.expression(body);
    if (!outcome) return;
    if (outcome.is !== 'constant' || outcome.value !== undefined) {
      this.write(body, outcome);
      return;
    }
    const { effects } = outcome;
    if (effects.length === 0) this.edits.replace(body.node.start!, body.node.end!, '{}');
    else
      this.edits.keepOnly(
        body.node as Span,
        effects.map(({ node }) => node as Span),
        '{ ',
        '; ',
        '; }',
      );
  }

  private parameters(path: NodePath<t.Function>): void {
    const params = path.get('params') as NodePath[];
    const gone = new Set<t.Node>();
    for (const param of params) {
      if (param.isAssignmentPattern() && param.get('left').isIdentifier()) {
        const left = param.get('left') as NodePath<t.Identifier>;
        if (this.known(left) && defaultOf(param, left.node)) {
          gone.add(param.node);
          continue;
        }
      }
      this.parameter(param);
    }
    const isLast = (index: number) => params.slice(index).every(({ node }) => gone.has(node));
    if (isLast(0) && params.length > 0) {
      this.edits.erase(params[0]!.node.start!, params.at(-1)!.node.end!);
      return;
    }
    this.edits.eraseItems(
      params.map(({ node }) => node),
      (_node, index) => isLast(index),
    );
    // Others come after it: their places are not to change.
    for (const [index, param] of params.entries()) {
      if (gone.has(param.node) && !isLast(index)) {
        const right = param.get('right') as NodePath;
        this.edits.replace(right.node.start!, right.node.end!, 'void 0');
      }
    }
  }

  /** Takes probes that are defaults of properties out of a parameter: `({ probe = smtp.sessionStart, port })`. */
  private parameter(param: NodePath): void {
    const pattern = param.isAssignmentPattern() ? (param.get('left') as NodePath) : param;
    if (!pattern.isObjectPattern()) {
      this.use(param);
      return;
    }
    const gone = new Set<t.Node>();
    for (const property of pattern.get('properties')) {
      const value = property.isObjectProperty() ? (property.get('value') as NodePath) : property;
      const left = value.isAssignmentPattern() ? value.get('left') : undefined;
      if (left?.isIdentifier() && defaultOf(pattern, left.node) && this.known(left)) gone.add(property.node);
      else this.use(property);
    }
    this.edits.eraseItems(pattern.node.properties, (each) => gone.has(each));
    if (param.isAssignmentPattern()) this.use(param.get('right'));
  }

  private class(path: NodePath<t.Class>): void {
    const value = this.module.evaluate(path) ?? this.classValue(path);
    for (const part of ['decorators', 'superClass'].flatMap((key) => path.get(key) as NodePath | NodePath[])) {
      if (part?.node) this.use(part);
    }
    const members = path.get('body.body');
    let isErased = false;
    for (const member of members) {
      const name = propertyName(member, 'key');
      const isStatic = 'static' in member.node && member.node.static === true;
      const fields = value?.kind === 'class' ? (isStatic ? value.statics : value.fields) : undefined;
      const entry = name === undefined ? undefined : fields?.get(name);
      if (entry && entry.path.node === (member.node as t.ClassProperty).value) {
        this.edits.eraseLines(member.node);
        isErased = true;
      } else if (member.isFunction()) this.function(member);
      else this.inside(member);
    }
    const { start, end } = path.node.body as Span;
    if (isErased && this.edits.isBlank(start + 1, end - 1)) this.edits.replace(start, end, '{}');
  }

  private classValue(path: NodePath<t.Class>): Value | undefined {
    const binding = path.node.id ? path.scope.getBinding(path.node.id.name) : undefined;
    return binding?.path.node === path.node ? this.module.variable(binding) : undefined;
  }

  // Expressions.

  private expression(path: NodePath): Outcome | undefined {
    if (isType(path)) return undefined;
    const value = this.module.evaluate(path);
    if (value && this.module.copied.has(unwrapped(path).node)) {
      this.replaceByCopy(path, value);
      return undefined;
    }
    if (value) {
      switch (value.kind) {
        case 'nothing':
          return nothing(this.effects(callArguments(path)));
        case 'boolean':
          return { is: 'constant', value: value.value, effects: [] };
        case 'status':
          this.replaceExpression(path, this.asOperand(STATUS, path));
          return undefined;
        case 'run':
          return this.operation(unwrapped(path), value.name);
        case 'helper':
        case 'sonde':
          return this.ofSonde(path, value);
        case 'class':
        case 'instance':
          break;
        case 'promise':
        case 'namespace':
        case 'object':
          if (value.kind === 'object' && !value.whole && this.takesProperties(path)) {
            this.properties(unwrapped(path) as NodePath<t.ObjectExpression>);
            return undefined;
          }
          return { is: 'vanishing', value, effects: [] };
        default: {
          const origin = originOf(value);
          const variable = origin && this.module.remade.get(origin.provider);
          if (variable !== undefined) {
            this.replaceExpression(path, variable + origin!.access);
            return undefined;
          }
          return { is: 'vanishing', value, effects: [] };
        }
      }
    }
    return this.composed(path);
  }

  /** An object whose probes are taken out where it stands: it is exported. */
  private takesProperties(path: NodePath): boolean {
    return unwrapped(path).isObjectExpression() && this.module.isExport(path);
  }

  private composed(path: NodePath): Outcome | undefined {
    if (isWrapper(path)) return this.expression(path.get('expression') as NodePath);
    if (path.isUnaryExpression({ operator: '!' })) {
      const outcome = this.expression(path.get('argument'));
      return outcome && { is: 'constant', value: !truth(outcome), effects: outcome.effects };
    }
    if (path.isUnaryExpression({ operator: 'void' })) {
      const outcome = this.expression(path.get('argument'));
      if (outcome?.is === 'constant') return nothing(outcome.effects);
      if (outcome) this.write(path.get('argument'), outcome);
      return undefined;
    }
    if (path.isLogicalExpression()) return this.logical(path);
    if (path.isConditionalExpression()) return this.conditional(path);
    if (path.isSequenceExpression()) return this.sequence(path);
    if (path.isFunction()) this.function(path);
    else if (path.isClass()) this.class(path);
    else if (path.isAssignmentExpression()) this.assignment(path);
    else if (path.isMemberExpression() || path.isOptionalMemberExpression()) this.memberOf(path);
    else if (path.isCallExpression() || path.isOptionalCallExpression()) this.call(path);
    else this.inside(path);
    return undefined;
  }

  private call(path: NodePath<t.CallExpression | t.OptionalCallExpression>): void {
    const callee = this.module.evaluate(path.get('callee') as NodePath);
    if (callee?.kind === 'helper' && callee.name === 'provider') {
      const isKept = this.module.kept.has(path.node);
      if (!isKept) {
        this.warn(
          path,
          'this provider is not written out but computed when the program runs, so it stays: give its name, probes and arguments as literals, or leave it to stay by `exclude`',
        );
      }
      this.keepNames(path);
    } else if (this.module.kept.has(path.node)) {
      this.keepNames(path);
    }
    this.inside(path);
  }

  /** What is taken from an object that also has probes need not be a probe. */
  private memberOf(path: NodePath<t.MemberExpression | t.OptionalMemberExpression>): void {
    const name = propertyName(path, 'property');
    const { parentPath } = path;
    const isProbes = parentPath.isMemberExpression() || parentPath.isOptionalMemberExpression();
    if (name !== undefined && isProbes && USES.has(propertyName(parentPath, 'property') ?? ''))
      this.strangers.set(name, path);
    const object = this.module.evaluate(path.get('object') as NodePath);
    const isOther = object?.kind === 'namespace' || object?.kind === 'object';
    if (!isOther || name === undefined) this.inside(path);
  }

  private assignment(path: NodePath<t.AssignmentExpression>): void {
    const left = path.get('left') as NodePath;
    const value = left.isMemberExpression() ? this.module.evaluate(left) : undefined;
    const right = path.get('right');
    if (value && vanishes(value) && !this.module.isExport(right)) this.keep(left, value, false);
    else if (left.isMemberExpression() && !this.module.isExport(right)) this.use(left);
    else if (!left.isMemberExpression()) this.inside(left);
    this.use(right);
  }

  private logical(path: NodePath<t.LogicalExpression>): Outcome | undefined {
    const { operator } = path.node;
    const left = path.get('left');
    const right = path.get('right');
    const known = this.expression(left);
    if (known) {
      const isNothing = known.is === 'constant' && known.value === undefined;
      const goesOn = operator === '??' ? isNothing : truth(known) === (operator === '&&');
      if (!goesOn) return known;
      const outcome = this.expression(right);
      if (outcome) return { ...outcome, effects: [...known.effects, ...outcome.effects] };
      this.replaceBy(path, right, known.effects);
      return undefined;
    }
    const outcome = this.expression(right);
    if (!outcome) return undefined;
    if (outcome.effects.length === 0 && !(outcome.is === 'vanishing' && !isUnused(path) && !isTest(path))) {
      const effects = isPure(left) ? [] : [left];
      if (isUnused(path)) return nothing(effects);
      const isTrue = truth(outcome);
      if (isTest(path) && operator !== '??') {
        if (isTrue === (operator === '||')) return { is: 'constant', value: isTrue, effects };
        this.replaceBy(path, left, []);
        return undefined;
      }
    }
    this.write(right, outcome);
    return undefined;
  }

  private conditional(path: NodePath<t.ConditionalExpression>): Outcome | undefined {
    const test = path.get('test');
    const known = this.expression(test);
    if (known) {
      const chosen = truth(known) ? path.get('consequent') : path.get('alternate');
      const outcome = this.expression(chosen);
      if (outcome) return { ...outcome, effects: [...known.effects, ...outcome.effects] };
      this.replaceBy(path, chosen, known.effects);
      return undefined;
    }
    const branches = [path.get('consequent'), path.get('alternate')] as const;
    const [yes, no] = branches.map((branch) => this.expression(branch));
    if (isUnused(path) && (yes || no) && [yes, no].every((each) => !each || each.effects.length === 0)) {
      if (yes && no) return nothing(isPure(test) ? [] : [test]);
      const stays = yes ? branches[1] : branches[0];
      this.edits.keepOnly(
        path.node as Span,
        [test.node as Span, stays.node as Span],
        isLoose(test) ? '(' : '',
        `${isLoose(test) ? ')' : ''} ${yes ? '||' : '&&'} ${isLoose(stays) ? '(' : ''}`,
        isLoose(stays) ? ')' : '',
      );
      return undefined;
    }
    if (yes) this.write(branches[0], yes);
    if (no) this.write(branches[1], no);
    return undefined;
  }

  private sequence(path: NodePath<t.SequenceExpression>): Outcome | undefined {
    const parts = path.get('expressions');
    const outcomes = parts.map((part) => this.expression(part));
    const last = parts.length - 1;
    const goes = (index: number) => {
      const outcome = outcomes[index];
      return outcome !== undefined && outcome.effects.length === 0 && (index < last || isUnused(path));
    };
    const left = parts.filter((_, index) => !goes(index));
    if (left.length === 0) return nothing();
    if (left.length === 1 && left[0] === parts[last] && outcomes[last]) return outcomes[last];
    for (const [index, outcome] of outcomes.entries()) {
      if (!outcome || goes(index)) continue;
      const isValue = index === last && !isUnused(path);
      if (isValue) this.write(parts[index]!, outcome);
      else {
        const effects = outcome.effects.map(({ node }) => node as Span);
        this.edits.keepOnly(parts[index]!.node as Span, effects, '', ', ');
      }
    }
    if (left.length === 1) this.replaceBy(path, left[0]!, []);
    else this.edits.eraseItems(path.node.expressions, (_, index) => goes(index));
    return undefined;
  }

  /** A function or the whole of sonde, named where it is not called to define something that goes. */
  private ofSonde(path: NodePath, value: Value): undefined {
    const outer = wrapped(path);
    if (!(outer.parentPath?.isCallExpression() && outer.key === 'callee')) {
      this.warn(
        path,
        `this is handed on, to what is not known, so sonde stays: call \`provider\` and the like where they are imported`,
      );
    }
    if (this.isDirect(path)) return undefined;
    const name = value.kind === 'helper' ? access(value.name) : '';
    this.replaceExpression(path, this.sondeName() + name);
    return undefined;
  }

  /** Whether it comes from sonde and not by way of another module, which will not have it. */
  private isDirect(path: NodePath): boolean {
    const inner = unwrapped(path);
    if (inner.isMemberExpression()) return this.isDirect(inner.get('object'));
    const binding = inner.isIdentifier() ? inner.scope.getBinding(inner.node.name) : undefined;
    const declaration = binding?.path.parentPath;
    return !declaration?.isImportDeclaration() || isSonde(declaration.node.source.value);
  }

  /** Puts a part of an expression in its place. */
  private replaceBy(path: NodePath, part: NodePath, effects: readonly NodePath[]): void {
    if (effects.length > 0) {
      this.edits.keepOnly(
        path.node as Span,
        [...effects, part].map(({ node }) => node as Span),
        `${this.hazard(path, path, '(')}(`,
        ', ',
        ')',
      );
      return;
    }
    const inParentheses = this.lead(part, path);
    const before = inParentheses ? '(' : this.hazard(part, path);
    this.edits.keepOnly(path.node as Span, [part.node as Span], before, '', inParentheses ? ')' : '');
  }

  /** Whether a part would begin a statement, or an arrow function's body, as something else than the expression that it is. */
  private lead(part: NodePath, place: NodePath): boolean {
    if (!/^(?:\{|function\b|class\b|async\s+function\b|let\s*\[)/.test(this.module.code.slice(part.node.start!)))
      return false;
    let outer = place;
    while (!outer.isStatement() && outer.parentPath?.node.start === place.node.start) outer = outer.parentPath!;
    return (
      outer.isExpressionStatement() || (outer.key === 'body' && outer.parentPath?.isArrowFunctionExpression() === true)
    );
  }

  /** A semicolon, where the part would continue the statement above. */
  private hazard(part: NodePath, place: NodePath, first = this.module.code[part.node.start!]!): string {
    if (!/[([`/+-]/.test(first)) return '';
    const statement = place.getStatementParent();
    if (!statement?.inList || statement.node.start !== place.node.start) return '';
    const statements = statement.container as t.Node[];
    const siblings = statements.map((_, index) => statement.getSibling(index));
    return this.isEnded(siblings, statement.key as number) ? '' : ';';
  }

  /** Writes a constant down, after what has to be done. */
  private write(path: NodePath, outcome: Outcome): void {
    if (outcome.is === 'vanishing') {
      this.keep(path, outcome.value, this.isQuiet(path));
      return;
    }
    const text = outcome.value === undefined ? 'void 0' : String(outcome.value);
    if (outcome.effects.length === 0) {
      this.replaceExpression(path, text);
      return;
    }
    const before = `${this.shorthand(path)}${this.hazard(path, path, '(')}(`;
    const effects = outcome.effects.map(({ node }) => node as Span);
    this.edits.keepOnly(path.node as Span, effects, before, ', ', `, ${text})`);
  }

  private replaceExpression(path: NodePath, text: string): void {
    this.edits.replace(path.node.start!, path.node.end!, this.shorthand(path) + text);
  }

  /** The property's name, where it is the variable's: `{ probe }`. */
  private shorthand(path: NodePath): string {
    const { parent } = path;
    if (parent.type !== 'ObjectProperty' || !parent.shorthand || parent.value !== path.node) return '';
    return `${this.module.code.slice(...span(parent.key))}: `;
  }

  /** An object as it must be written to stand here. */
  private asOperand(text: string, path: NodePath): string {
    const isAccessed = path.parentPath?.isMemberExpression() || path.parentPath?.isOptionalMemberExpression();
    const isBody = path.key === 'body' || path.parentPath?.isExpressionStatement();
    return isAccessed || isBody ? `(${text})` : text;
  }

  /**
   * What has to be done although it stands in what goes: it changes the program, and not only the probe. Arguments of a
   * probe should have none of it.
   */
  private effects(paths: readonly NodePath[], what = 'an argument of a probe'): NodePath[] {
    const found: NodePath[] = [];
    const walk = (path: NodePath): void => {
      if (!path.node || path.isFunction() || path.isClass() || isType(path)) return;
      const isBranch =
        path.isConditionalExpression() || path.isLogicalExpression() || path.isOptionalMemberExpression();
      if (!changesProgram(path) && !(isBranch && hasChanges(path))) {
        for (const child of children(path)) walk(child);
        return;
      }
      const shown = this.module.code.slice(...span(path.node)).replace(/\s+/g, ' ');
      const short = shown.length > 40 ? `${shown.slice(0, 40)}…` : shown;
      this.warned.set(
        path.node,
        `\`${short}\` stays, since it changes the program: it is in ${what}, which must have no side effects; do it in a statement of its own`,
      );
      found.push(path);
      this.use(path);
    };
    for (const path of paths) walk(path);
    return found;
  }

  // Operations.

  /** `run(start, work, done)` becomes the call of `work`. */
  private operation(whole: NodePath, method: 'run' | 'runCallback'): Outcome | undefined {
    const [start, given, ...others] = callArguments(whole) as [NodePath, NodePath, ...NodePath[]];
    const callback = method === 'runCallback' ? others.shift() : undefined;
    const effects = this.effects([start, ...others]);
    const work = unwrapped(given);
    if (callback) return this.withCallback(whole, effects, given, callback);
    if (work.isArrowFunctionExpression() && work.node.params.length === 0 && isTransparent(work, whole)) {
      const body = work.get('body') as NodePath;
      const outcome = this.expression(body);
      if (outcome) return { ...outcome, effects: [...effects, ...outcome.effects] };
      if (effects.length > 0) this.replaceBy(whole, body, effects);
      else {
        const inner = fits(unwrapped(body), whole) ? unwrapped(body) : body;
        const isLoosely = !fits(inner, whole);
        if (isLoosely)
          this.edits.keepOnly(whole.node as Span, [inner.node as Span], `${this.hazard(whole, whole, '(')}(`, '', ')');
        else this.replaceBy(whole, inner, []);
      }
      return undefined;
    }
    this.use(given);
    this.calls(whole, effects, given, []);
    return undefined;
  }

  /** The call of a function, which `this` does not come with. */
  private calls(whole: NodePath, effects: readonly NodePath[], work: NodePath, args: readonly NodePath[]): void {
    const inner = unwrapped(work);
    const isMember = inner.isMemberExpression() || inner.isOptionalMemberExpression();
    const isPlain = inner.isIdentifier() || inner.isCallExpression();
    const before = isMember ? '(0, ' : isPlain ? '' : '(';
    const after = isPlain ? '(' : ')(';
    const hasEffects = effects.length > 0;
    const parts = [...effects, inner, ...args];
    const first = hasEffects || before !== '' ? '(' : '';
    const gaps = parts.map((part) => (part === inner ? before : ''));
    const ends = [...effects.map(() => ', '), after, ...args.map(() => '')];
    // `keepOnly` has one text for all gaps; here each has its own.
    let at = whole.node.start!;
    for (const [index, part] of parts.entries()) {
      const lead =
        index === 0 ? (first ? this.hazard(whole, whole, '(') : '') + (hasEffects ? '(' : '') : ends[index - 1]!;
      this.edits.replace(at, part.node.start!, lead + gaps[index]!);
      at = part.node.end!;
    }
    this.edits.replace(at, whole.node.end!, `${args.length > 0 ? '' : after})${hasEffects ? ')' : ''}`);
  }

  private withCallback(whole: NodePath, effects: readonly NodePath[], given: NodePath, callback: NodePath): undefined {
    const work = unwrapped(given);
    const place = work.isArrowFunctionExpression() ? callbackPlace(work) : undefined;
    this.use(given);
    this.use(callback);
    if (!place || effects.length > 0 || !isMovable(callback)) {
      this.calls(whole, effects, given, [callback]);
      return undefined;
    }
    const body = (work as NodePath<t.ArrowFunctionExpression>).get('body') as NodePath;
    // The callback's text goes where the work used its parameter.
    this.edits.keepOnly(whole.node as Span, [body.node as Span, callback.node as Span]);
    this.edits.move(callback.node as Span, place.node as Span);
    return undefined;
  }

  /**
   * An operation whose work is a block, where its statements can stand in the place of the operation's: the function that
   * returns it is then as it would be without.
   */
  private inlinedRun(path: NodePath, statement: NodePath): 'gone' | 'inlined' | undefined {
    const isAwaited = unwrapped(path).isAwaitExpression();
    const whole = isAwaited ? (unwrapped(path).get('argument') as NodePath) : path;
    const value = this.module.evaluate(whole);
    if (value?.kind !== 'run' || value.name !== 'run') return undefined;
    const args = callArguments(whole);
    const work = unwrapped(args[1]!);
    if (!work.isArrowFunctionExpression() || work.node.params.length > 0) return undefined;
    const block = work.get('body') as NodePath;
    if (!block.isBlockStatement() || !statement.inList || block.node.directives.length > 0) return undefined;
    const isReturn = statement.isReturnStatement();
    if (!isReturn && (work.node.async !== isAwaited || returns(block))) return undefined;
    if (isReturn && !canReturnInline(work, statement, isAwaited)) return undefined;
    if (!this.canUnwrap(block, statement)) return undefined;
    if (this.effects(args.filter((_, index) => index !== 1)).length > 0) return undefined;
    this.list(block.get('body'));
    const statements = block.get('body').filter(({ node }) => !this.edits.isGone(node));
    const last = statements.at(-1);
    if (!isReturn && !last) return 'gone';
    const ends = !isReturn || last?.isReturnStatement() || last?.isThrowStatement() || isAtEnd(statement);
    this.spill(statement, block, ends ? '' : `${last ? '\n' : ''}return;`);
    return 'inlined';
  }

  // What must stay.

  /** Notes that what an expression stands for must stay. */
  private keep(path: NodePath, value: Value, isQuiet: boolean): void {
    const before = this.module.kept.size + this.module.remade.size + this.module.copied.size;
    this.keepRoots(path, value);
    if (before === this.module.kept.size + this.module.remade.size + this.module.copied.size) return;
    this.again = true;
    if (!isQuiet) this.module.causes.set(path.node, describe(value));
  }

  private keepRoots(path: NodePath, value: Value | undefined): void {
    const { module } = this;
    const inner = unwrapped(path);
    if (inner.isIdentifier()) {
      const binding = inner.scope.getBinding(inner.node.name);
      if (binding && binding.kind !== 'module') module.kept.add(binding.identifier);
      else if (binding) this.remake(inner, value);
      else this.keepExports();
    } else if (inner.isMemberExpression() || inner.isOptionalMemberExpression()) {
      this.keepMember(inner, value);
    } else if (inner.isObjectExpression() && value?.kind === 'object') {
      for (const { path: entry } of value.entries.values()) this.keepRoots(entry, module.evaluate(entry));
    } else if (inner.isConditionalExpression() || inner.isLogicalExpression()) {
      for (const key of ['left', 'right', 'consequent', 'alternate']) {
        const part = inner.get(key) as NodePath;
        const own = part.node && module.evaluate(part);
        if (own && vanishes(own)) this.keepRoots(part, own);
      }
    } else if (value?.kind === 'provider' || value?.kind === 'definition') {
      module.kept.add(inner.node);
      this.keepNames(inner);
    } else if (value) this.remake(inner, value);
  }

  private keepMember(path: NodePath<t.MemberExpression | t.OptionalMemberExpression>, value: Value | undefined): void {
    const object = path.get('object') as NodePath;
    const container = this.module.evaluate(object);
    const name = propertyName(path, 'property');
    if (container?.kind === 'namespace' && container.module !== this.module) this.remake(path, value);
    else if (container?.kind === 'namespace') this.keepExports();
    else if (container?.kind === 'class' || container?.kind === 'instance' || container?.kind === 'object') {
      const entries =
        container.kind === 'object'
          ? container.entries
          : container.kind === 'class'
            ? container.statics
            : container.of.fields;
      const entry = name === undefined ? undefined : entries.get(name);
      if (entry?.module !== this.module) this.remake(path, value);
      else if (container.kind === 'object') this.keepRoots(entry.path, entry.value);
      else this.module.kept.add(entry.path.parent);
    } else if (container) this.keepRoots(object, container);
    else this.keepExports();
  }

  /** Keeps fields that seem to be used where it is not known what of; of classes of other modules it can only be said. */
  private keepFields(): void {
    for (const [name, path] of this.strangers) {
      const own = this.module.fields.get(name) ?? [];
      for (const { value, path: field } of own) {
        this.module.kept.add(field.parent);
        this.module.causes.set(path.node, describe(value));
        this.again = true;
      }
      const isForeign = Object.values(this.module.program.scope.bindings).some((binding) => {
        const value = binding.kind === 'module' ? this.module.variable(binding) : undefined;
        return value?.kind === 'class' && (value.fields.has(name) || value.statics.has(name));
      });
      if (own.length === 0 && isForeign) {
        this.warn(
          path,
          `this may be a field with a probe of a class of another module, which is removed there: make the field private, or declare the type of what it is read from`,
        );
      }
    }
  }

  /** All that this module exports as CommonJS does. */
  private keepExports(): void {
    for (const path of this.module.commonExports()) {
      const value = this.module.evaluate(path);
      if (value && (vanishes(value) || value.kind === 'object')) this.keepRoots(path, value);
    }
  }

  /** Keeps the definitions that a definition names. */
  private keepNames(path: NodePath): void {
    const walk = (each: NodePath): void => {
      const value = each.isExpression() ? this.module.evaluate(each) : undefined;
      if (value?.kind === 'definition' && each !== path) {
        this.keepQuietly(each, value);
        if (each.isIdentifier() || each.isMemberExpression()) return;
      }
      for (const child of children(each)) walk(child);
    };
    walk(path);
  }

  private keepQuietly(path: NodePath, value: Value): void {
    const before = this.module.kept.size;
    this.keepRoots(path, value);
    if (this.module.kept.size > before) this.again = true;
  }

  /** Something of another module, which will not be there: this one makes the same again. */
  private remake(path: NodePath, value: Value | undefined): void {
    if (!value) return;
    if (!originOf(value)) this.module.copied.add(path.node);
    this.remakeAll(value);
  }

  /** Gives a variable to each provider that something is made of. */
  private remakeAll(value: Value): void {
    const origin = originOf(value);
    if (origin) this.variableFor(origin.provider);
    else if (value.kind === 'object') for (const [, each] of valuesOf(value)) this.remakeAll(each);
    else if (value.kind === 'namespace') for (const each of value.module.probeExports().values()) this.remakeAll(each);
    else if (value.kind === 'promise') this.remakeAll(value.of);
  }

  private variableFor(provider: Provider): string {
    const known = this.module.remade.get(provider);
    if (known !== undefined) return known;
    const name = this.module.program.scope.generateUid(provider.name);
    this.module.remade.set(provider, name);
    return name;
  }

  private sondeName(): string {
    this.isSondeNamed = true;
    this.module.sondeName ??= this.module.program.scope.generateUid('sonde');
    return this.module.sondeName;
  }

  private warn(path: NodePath, message: string): void {
    this.warned.set(path.node, message);
  }

  /** Puts something in the place of another module's object that has probes in it, which that module does not have any more. */
  private replaceByCopy(path: NodePath, value: Value): void {
    const own = path.node as Span;
    if (value.kind === 'promise') {
      const copies = this.copies(value.of.module.probeExports());
      this.edits.keepOnly(own, [own], this.shorthand(path), '', `.then((all) => ({ ...all, ${copies} }))`);
      return;
    }
    const entries =
      value.kind === 'namespace' ? value.module.probeExports() : value.kind === 'object' ? valuesOf(value) : [];
    if (vanishes(value)) {
      this.replaceExpression(path, this.asOperand(this.copy(value), path));
    } else {
      const [before, after] = this.asOperand('|', path).split('|');
      this.edits.keepOnly(
        own,
        [own],
        `${this.shorthand(path)}${before}{ ...`,
        '',
        `, ${this.copies(entries)} }${after}`,
      );
    }
  }

  /** JavaScript for what is all probes. */
  private copy(value: Value): string {
    const origin = originOf(value);
    if (origin) return this.variableFor(origin.provider) + origin.access;
    if (value.kind === 'definition') return value.text.replaceAll(SONDE, this.sondeName());
    return value.kind === 'object' ? `{ ${this.copies(valuesOf(value))} }` : '{}';
  }

  private copies(entries: Iterable<readonly [string, Value]>): string {
    return [...entries].map(([name, value]) => `${JSON.stringify(name)}: ${this.copy(value)}`).join(', ');
  }

  /** Writes the definitions that this module makes again. */
  private addRemade(): void {
    const { remade, isModule, program } = this.module;
    if (remade.size === 0 && !this.isSondeNamed) return;
    const sonde = this.sondeName();
    const sources = [...remade.keys()].map(({ source }) => source);
    const from = sources.length > 0 && !sources.includes('sonde') ? sources[0]! : 'sonde';
    const lines = [isModule ? `import * as ${sonde} from '${from}';` : `const ${sonde} = require('${from}');`];
    for (const [{ text }, name] of remade) lines.push(`const ${name} = ${text.replaceAll(SONDE, sonde)};`);
    this.edits.text.appendLeft(program.node.body[0]!.start!, `${lines.join('\n')}\n`);
  }

  // What was there for probes alone.

  /** Takes out imports and variables of which nothing is left but their declaration. */
  private sweep(): void {
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

  private readonly swept = new Set<NodePath<t.VariableDeclaration>>();

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
    if (value && !this.isImportIdle(init, value)) {
      if (declaration.node.declarations.length === 1) this.leaveInit(path, init);
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
      this.warn(path, `${from} stays, and sonde with it: it is for tests; leave it out of what is bundled`);
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
    } else if (this.leaveImport(path, from)) this.eraseImport(path);
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
      this.warn(
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

  private isInertStatement(path: NodePath): boolean {
    const { node } = path;
    if (this.edits.isBlank(node.start!, node.end!) || isType(path) || path.isEmptyStatement()) return true;
    if (path.isImportDeclaration() || path.isExportAllDeclaration()) {
      const kind = path.isImportDeclaration() ? path.node.importKind : path.node.exportKind;
      return kind === 'type' || this.isIdle((node as t.ImportDeclaration).source.value);
    }
    if (path.isExportNamedDeclaration()) {
      const declaration = path.get('declaration') as NodePath;
      if (declaration.node) return this.isInertStatement(declaration);
      return !path.node.source || path.node.exportKind === 'type' || this.isIdle(path.node.source.value);
    }
    if (path.isExportDefaultDeclaration()) return isPure(path.get('declaration') as NodePath);
    if (path.isFunctionDeclaration() || path.isClassDeclaration()) return isPure(path);
    if (path.isVariableDeclaration()) {
      return path.get('declarations').every((each) => {
        const init = each.get('init') as NodePath;
        const value = init.node && this.module.evaluate(init);
        if (this.edits.isGone(each.node) || !init.node || isPure(init)) return true;
        return value?.kind === 'namespace' && this.isImportIdle(init, value);
      });
    }
    const expression = path.isExpressionStatement() ? unwrapped(path.get('expression')) : undefined;
    if (!expression?.isAssignmentExpression()) return false;
    return this.module.isExport(expression.get('right')) && isPure(expression.get('right'));
  }

  private isQuiet(path: NodePath): boolean {
    const { kept } = this.module;
    const { parentPath } = wrapped(path);
    if (!parentPath) return false;
    if (parentPath.isVariableDeclarator() || parentPath.isAssignmentPattern()) {
      return Object.values(parentPath.getBindingIdentifiers()).some((each) => kept.has(each));
    }
    return kept.has(parentPath.node);
  }
}

/** What probes and operations have. */
const USES = new Set(['fire', 'fireWith', 'enabled', 'run', 'runCallback']);

const OPPOSITES = new Map([
  ['===', '!=='],
  ['!==', '==='],
  ['==', '!='],
  ['!=', '=='],
]);

type Span = { start: number; end: number } & t.Node;

const span = (node: t.Node): [number, number] => [node.start!, node.end!];

const callArguments = (path: NodePath) => unwrapped(path).get('arguments') as NodePath[];

function* valuesOf({ entries }: { entries: Entries }): Iterable<readonly [string, Value]> {
  for (const [name, { value }] of entries) yield [name, value];
}

function isContainer({ kind }: Value): boolean {
  return !['nothing', 'run', 'status', 'boolean', 'method', 'promise', 'helper', 'definition'].includes(kind);
}

/** Whether nobody takes the value of an expression. */
function isUnused(path: NodePath): boolean {
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
function isTest(path: NodePath): boolean {
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
function isLoose(path: NodePath): boolean {
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
function couldDangle(path: NodePath): boolean {
  const { parentPath } = path;
  if (path.inList || !parentPath?.isStatement()) return false;
  return (
    (parentPath.isIfStatement() && path.key === 'consequent' && !!parentPath.node.alternate) || couldDangle(parentPath)
  );
}

function hasChanges(path: NodePath): boolean {
  if (path.isFunction() || path.isClass()) return false;
  return changesProgram(path) || children(path).some(hasChanges);
}

function isInType(path: NodePath): boolean {
  return path.find((each) => isType(each) || each.isImportDeclaration() || each.isTSImportEqualsDeclaration()) !== null;
}

function valueName(property: NodePath): t.Identifier | undefined {
  const value = property.get('value') as NodePath;
  const name = value.isAssignmentPattern() ? (value.get('left') as NodePath).node : value.node;
  return name?.type === 'Identifier' ? name : undefined;
}

/** Whether the work's expression can stand for a call of it: an async function's, where its promise is awaited at once. */
function isTransparent(work: NodePath<t.ArrowFunctionExpression>, whole: NodePath): boolean {
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
function canReturnInline(work: NodePath<t.ArrowFunctionExpression>, statement: NodePath, isAwaited: boolean): boolean {
  const home = statement.getFunctionParent();
  if (!home || home.node.generator) return false;
  if (work.node.async) return home.node.async === true && (isAwaited || !isInTry(statement, home));
  return !isAwaited || !isInTry(statement, home);
}

/** Whether nothing comes after a statement in its function. */
function isAtEnd(statement: NodePath): boolean {
  const list = statement.container as unknown[];
  return statement.key === list.length - 1 && statement.parentPath?.parentPath?.isFunction() === true;
}

function returns(path: NodePath): boolean {
  return path.isReturnStatement() || (!path.isFunction() && !path.isClass() && children(path).some(returns));
}

/** Whether an expression can stand where a call stood without parentheses. */
function fits(path: NodePath, place: NodePath): boolean {
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
function callbackPlace(work: NodePath<t.ArrowFunctionExpression>): NodePath | undefined {
  const [param, ...others] = work.get('params');
  if (!param?.isIdentifier() || others.length > 0 || work.node.async || work.get('body').isBlockStatement())
    return undefined;
  const binding = work.scope.getOwnBinding(param.node.name);
  const [place, ...more] = binding?.referencePaths ?? [];
  if (!binding?.constant || !place || more.length > 0 || place.listKey !== 'arguments') return undefined;
  return place.getFunctionParent()?.node === work.node ? place : undefined;
}

const isMovable = (path: NodePath) => path.isIdentifier() || path.isFunction();

function describe(value: Value): string {
  const provider = value.kind === 'provider' ? value : originOf(value)?.provider;
  const name = provider ? ` ${JSON.stringify(provider.name)}` : '';
  const what =
    value.kind === 'provider'
      ? `provider${name} is`
      : value.kind === 'definition'
        ? 'a definition of probes is'
        : value.kind === 'namespace' || value.kind === 'object' || value.kind === 'promise'
          ? 'an object with probes is'
          : `a probe of ${provider ? `provider${name}` : 'a provider'} is`;
  return `${what} used here in a way that cannot be removed, so it stays and works: fire probes where they are named, or leave the provider out by \`exclude\``;
}
