// Takes the probes out of one module. It goes through the program once, from the outside in, and changes the text on the way
// back. An expression that vanishes leaves an outcome to what stands around it, which takes it in (a call that is a
// statement goes with its line, `if (false)` goes with its body) or writes it down (`void 0`, `false`). Where something
// that vanishes stands where it cannot, what defines it has to stay: that is noted, and all is done again.
import type { NodePath, Scope } from '@babel/traverse';
import type * as t from '@babel/types';
import { Edits, type Span } from './edits.js';
import { callArguments, Expressions, type Inner, truth } from './expressions.js';
import { isImportIdle, isInert, leaveImport, leaveInit } from './idle.js';
import { Keeping } from './keeping.js';
import { defaultOf, type Module } from './module.js';
import { canReturnInline, couldDangle, isAtEnd, returns } from './positions.js';
import { children, isPure, isType, propertyName, specifierName, unwrapped } from './source.js';
import { Sweeping } from './sweeping.js';
import { isSonde, type Value, vanishes } from './value.js';

export class Stripping implements Inner {
  readonly edits: Edits;
  readonly keeping: Keeping;
  private readonly module: Module;
  private readonly expressions: Expressions;
  /** Names that came into a scope out of a block. */
  private readonly spilled = new Map<Scope, Set<string>>();
  /** Statements in whose place others stand that end in `return`. */
  private readonly leaving = new Set<t.Node>();
  private inert: boolean | undefined;

  constructor(module: Module) {
    this.module = module;
    const literals: t.Node[] = [];
    module.program.traverse({
      TemplateElement: ({ node }) => void literals.push(node),
      JSXText: ({ node }) => void literals.push(node),
    });
    this.edits = new Edits(module.code, literals as Span[]);
    this.keeping = new Keeping(module, this.edits);
    this.expressions = new Expressions(module, this.edits, this.keeping, this);
  }

  strip(): void {
    this.list(this.module.program.get('body'));
    this.keeping.keepFields();
    if (this.keeping.again) return;
    new Sweeping(this.module, this.edits, this.keeping).sweep();
    this.edits.tidy();
    this.keeping.addRemade();
  }

  /** Whether running what is left does nothing that can be noticed. */
  get isInert(): boolean {
    if (this.inert === undefined) {
      // In a circle, it depends on the others.
      this.inert = true;
      this.inert = isInert(this.module, this.edits);
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
      if (next && /[([`/+-]/.test(code[next.start!]!) && !this.edits.isEnded(statements, index)) {
        this.edits.replace(node.start!, node.end!, ';');
        return;
      }
    }
    const isFirst = statements[0] === statements[index] && statements[index]!.parentPath?.isProgram() === true;
    this.edits.eraseLines(node, isFirst);
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
    if (value?.kind === 'namespace' || value?.kind === 'promise') return isImportIdle(expression, value);
    if (this.isStrippedExport(expression)) return true;
    const inline = this.inlinedRun(expression, path);
    if (inline) return inline === 'gone';
    const outcome = this.expressions.expression(expression);
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
    if (this.edits.lead(effects[0]!, path)) this.edits.keepOnly(path.node as Span, parts, '(', ', ', ');');
    else if (path.inList)
      this.edits.keepOnly(path.node as Span, parts, this.edits.hazard(effects[0]!, path), `;\n${indent}`, ';');
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
    const known = this.expressions.expression(test);
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
    if (effects.length > 0) {
      const parts = [...effects, part].map(({ node }) => node as Span);
      const [before, after] = path.inList ? [this.edits.hazard(effects[0]!, path), ''] : ['{ ', ' }'];
      this.edits.keepOnly(path.node as Span, parts, before, '; ', after);
      return;
    }
    if (!part.isBlockStatement() || !this.canUnwrap(part, path)) {
      this.edits.keepOnly(path.node as Span, [part.node as Span], this.edits.hazard(part, path));
      return;
    }
    this.spill(path, part, '');
  }

  /** Puts the statements of a block into the place of one. */
  private spill(path: NodePath, block: NodePath<t.BlockStatement>, after: string): void {
    const left = block.get('body').filter(({ node }) => !this.edits.isBlank(node.start!, node.end!));
    const first = left[0];
    const last = left.at(-1);
    if (!first || !last) {
      this.edits.replace(path.node.start!, path.node.end!, after);
      return;
    }
    const range = { start: this.edits.withComments(first.node), end: last.node.end! };
    this.edits.outdent(range, path.node.start!);
    const end = this.edits.isClosed(last.node) ? after : `;${after}`;
    this.edits.keepOnly(path.node as Span, [range], this.edits.hazard(first, path), '', end);
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
    const known = this.expressions.expression(path.get('test'));
    if (known && !truth(known) && known.effects.length === 0) return true;
    if (known) this.expressions.write(path.get('test'), known);
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
      const outcome = part.isExpression() ? this.expressions.expression(part) : this.inside(part);
      const isUnused = (key === 'init' || key === 'update') && outcome?.is === 'constant' && !outcome.effects.length;
      if (isUnused) this.edits.erase(part.node.start!, part.node.end!);
      else if (outcome) this.expressions.write(part, outcome);
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
    const outcome = this.expressions.expression(argument);
    if (!outcome) return false;
    const isNothing = outcome.is === 'constant' && outcome.value === undefined && outcome.effects.length === 0;
    if (isNothing) this.edits.erase(path.node.start! + 'return'.length, argument.node.end!);
    else this.expressions.write(argument, outcome);
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
    if (value && !this.module.copied.has(unwrapped(init).node) && !this.keeping.isRemade(value)) {
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
        this.keeping.keep(init, value, isQuiet);
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
    if (isImportIdle(init, value)) return true;
    leaveInit(this.edits, path, init);
    return false;
  }

  /** What a variable stands for, where it is declared. */
  private known(id: NodePath<t.Identifier>): Value | undefined {
    const binding = id.scope.getBinding(id.node.name);
    return binding && this.module.variable(binding);
  }

  /** Takes out of an object what vanishes. */
  properties(object: NodePath<t.ObjectExpression>): void {
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
    return from === undefined || leaveImport(this.module, this.edits, path, from);
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
    return target?.isAllProbes() === true && leaveImport(this.module, this.edits, path, from);
  }

  // Everything that is neither statement nor expression, and expressions within.

  inside(path: NodePath): undefined {
    for (const child of children(path)) this.use(child);
  }

  use(path: NodePath): void {
    if (!path.node || isType(path)) return;
    if (path.isFunction()) this.function(path);
    else if (path.isClass()) this.class(path);
    else if (path.isExpression()) {
      const outcome = this.expressions.expression(path);
      if (outcome) this.expressions.write(path, outcome);
    } else if (path.isBlockStatement() || path.isStaticBlock()) {
      this.list(path.get('body') as NodePath[]);
    } else if (path.isSwitchCase()) {
      this.use(path.get('test') as NodePath);
      this.list(path.get('consequent'));
    } else if (path.isStatement()) {
      if (this.statement(path)) this.eraseStatement([path], 0);
    } else this.inside(path);
  }

  function(path: NodePath<t.Function>): void {
    this.use(path.get('key') as NodePath);
    for (const decorator of [path.get('decorators') as NodePath[]].flat()) if (decorator.node) this.use(decorator);
    this.parameters(path);
    const body = path.get('body') as NodePath;
    if (!body.node) return;
    if (body.isBlockStatement()) {
      this.body(body);
      return;
    }
    const outcome = this.expressions.expression(body);
    if (!outcome) return;
    if (outcome.is !== 'constant' || outcome.value !== undefined) {
      this.expressions.write(body, outcome);
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

  class(path: NodePath<t.Class>): void {
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
    if (this.expressions.effects(args.filter((_, index) => index !== 1)).length > 0) return undefined;
    this.list(block.get('body'));
    const last = block.get('body').findLast(({ node }) => !this.edits.isBlank(node.start!, node.end!));
    if (!isReturn && !last) return 'gone';
    const leaves = last !== undefined && this.leaves(last);
    const addsReturn = isReturn && !leaves && !isAtEnd(statement);
    if (leaves || addsReturn) this.leaving.add(statement.node);
    this.spill(statement, block, addsReturn ? `${last ? '\n' : ''}return;` : '');
    return 'inlined';
  }

  /** Whether nothing is run after a statement. */
  private leaves({ node }: NodePath): boolean {
    const isReturn = node.type === 'ReturnStatement' || node.type === 'ThrowStatement';
    return this.leaving.has(node) || (isReturn && !this.edits.isGone(node));
  }
}

const OPPOSITES = new Map([
  ['===', '!=='],
  ['!==', '==='],
  ['==', '!='],
  ['!=', '=='],
]);

function isContainer({ kind }: Value): boolean {
  return !['nothing', 'run', 'status', 'boolean', 'method', 'promise', 'helper', 'definition'].includes(kind);
}
