// Expressions. What vanishes leaves an outcome to what stands around it, which takes it in or writes it down.
import type { NodePath } from '@babel/traverse';
import type * as t from '@babel/types';
import { type Edits, type Span, span } from './edits.js';
import type { Keeping } from './keeping.js';
import type { Module } from './module.js';
import { callbackPlace, fits, isLoose, isMovable, isTest, isTransparent, isUnused } from './positions.js';
import { changesProgram, children, isPure, isType, isWrapper, propertyName, unwrapped, wrapped } from './source.js';
import { access, isSonde, originOf, type Value, vanishes } from './value.js';

/** What `status()` tells where there are no probes. */
const STATUS =
  "{ backend: 'noop', requested: 'noop', reason: 'the probes were removed by @sonde/strip', providers: [] }";

export type Outcome =
  /** `undefined`, a boolean, or (loose) what counts as one where only that matters; after `effects`. */
  | { readonly is: 'constant'; readonly value: boolean | undefined; readonly effects: readonly NodePath[] }
  /** Something that stands for nothing in a program without probes. */
  | { readonly is: 'vanishing'; readonly value: Value; readonly effects: readonly NodePath[] };

const nothing = (effects: readonly NodePath[] = []): Outcome => ({ is: 'constant', value: undefined, effects });
export const truth = (outcome: Outcome) => outcome.is === 'vanishing' || outcome.value === true;

/** What probes and operations have. */
const USES = new Set(['fire', 'fireWith', 'enabled', 'run', 'runCallback']);

/** What there is within an expression that is none. */
export interface Inner {
  use(path: NodePath): void;
  /** All that is below it. */
  inside(path: NodePath): void;
  function(path: NodePath<t.Function>): void;
  class(path: NodePath<t.Class>): void;
  /** Takes out of an object what vanishes. */
  properties(object: NodePath<t.ObjectExpression>): void;
}

export class Expressions {
  private readonly module: Module;
  private readonly edits: Edits;
  private readonly keeping: Keeping;
  private readonly inner: Inner;

  constructor(module: Module, edits: Edits, keeping: Keeping, inner: Inner) {
    this.module = module;
    this.edits = edits;
    this.keeping = keeping;
    this.inner = inner;
  }

  // Expressions.

  expression(path: NodePath): Outcome | undefined {
    if (isType(path)) return undefined;
    const value = this.module.evaluate(path);
    if (value && this.module.copied.has(unwrapped(path).node)) {
      this.keeping.replaceByCopy(path, value);
      return undefined;
    }
    if (value) {
      switch (value.kind) {
        case 'nothing':
          return nothing(this.effects(callArguments(path)));
        case 'boolean':
          return { is: 'constant', value: value.value, effects: [] };
        case 'status':
          this.edits.replaceExpression(path, this.edits.asOperand(STATUS, path));
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
            this.inner.properties(unwrapped(path) as NodePath<t.ObjectExpression>);
            return undefined;
          }
          return { is: 'vanishing', value, effects: [] };
        default: {
          const origin = originOf(value);
          const variable = origin && this.module.remade.get(origin.provider);
          if (variable !== undefined) {
            this.edits.replaceExpression(path, variable + origin!.access);
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
    if (path.isFunction()) this.inner.function(path);
    else if (path.isClass()) this.inner.class(path);
    else if (path.isAssignmentExpression()) this.assignment(path);
    else if (path.isMemberExpression() || path.isOptionalMemberExpression()) this.memberOf(path);
    else if (path.isCallExpression() || path.isOptionalCallExpression()) this.call(path);
    else this.inner.inside(path);
    return undefined;
  }

  private call(path: NodePath<t.CallExpression | t.OptionalCallExpression>): void {
    const callee = this.module.evaluate(path.get('callee') as NodePath);
    if (callee?.kind === 'helper' && callee.name === 'provider') {
      const isKept = this.module.kept.has(path.node);
      if (!isKept) {
        this.keeping.warn(
          path,
          'this provider is not written out but computed when the program runs, so it stays: give its name, probes and arguments as literals, or leave it to stay by `exclude`',
        );
      }
      this.keeping.keepNames(path);
    } else if (this.module.kept.has(path.node)) {
      this.keeping.keepNames(path);
    }
    this.passed(path);
  }

  /** Takes probes out of a call of a function whose parameters they are. */
  private passed(path: NodePath<t.CallExpression | t.OptionalCallExpression>): void {
    const args = path.get('arguments') as NodePath[];
    const takes = args.some((each) => each.isSpreadElement())
      ? []
      : this.module.takesProbes(path.get('callee') as NodePath);
    const isGone = (index: number) => {
      const value = takes[index] ? this.module.evaluate(args[index]!) : undefined;
      return value !== undefined && vanishes(value);
    };
    const isLast = (index: number) => args.slice(index).every((_, at) => isGone(index + at));
    for (const child of children(path)) {
      const index = args.findIndex(({ node }) => node === child.node);
      if (index === -1 || !isGone(index)) this.inner.use(child);
      // Others come after it: their places are not to change.
      else if (!isLast(index)) this.edits.replaceExpression(child, 'void 0');
    }
    this.edits.eraseItems(
      args.map(({ node }) => node),
      (_, index) => isLast(index),
    );
  }

  /** What is taken from an object that also has probes need not be a probe. */
  private memberOf(path: NodePath<t.MemberExpression | t.OptionalMemberExpression>): void {
    const name = propertyName(path, 'property');
    const { parentPath } = path;
    const isProbes = parentPath.isMemberExpression() || parentPath.isOptionalMemberExpression();
    if (name !== undefined && isProbes && USES.has(propertyName(parentPath, 'property') ?? ''))
      this.keeping.strangers.set(name, path);
    const object = this.module.evaluate(path.get('object') as NodePath);
    const isOther = object?.kind === 'namespace' || object?.kind === 'object';
    if (!isOther || name === undefined) this.inner.inside(path);
  }

  private assignment(path: NodePath<t.AssignmentExpression>): void {
    const left = path.get('left') as NodePath;
    const value = left.isMemberExpression() ? this.module.evaluate(left) : undefined;
    const right = path.get('right');
    if (value && vanishes(value) && !this.module.isExport(right)) this.keeping.keep(left, value, false);
    else if (left.isMemberExpression() && !this.module.isExport(right)) this.inner.use(left);
    else if (!left.isMemberExpression()) this.inner.inside(left);
    this.inner.use(right);
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
      this.keeping.warn(
        path,
        `this is handed on, to what is not known, so sonde stays: call \`provider\` and the like where they are imported`,
      );
    }
    if (this.isDirect(path)) return undefined;
    const name = value.kind === 'helper' ? access(value.name) : '';
    this.edits.replaceExpression(path, this.keeping.sondeName() + name);
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
        `${this.edits.hazard(path, path, '(')}(`,
        ', ',
        ')',
      );
      return;
    }
    const inParentheses = this.edits.lead(part, path);
    const before = inParentheses ? '(' : this.edits.hazard(part, path);
    this.edits.keepOnly(path.node as Span, [part.node as Span], before, '', inParentheses ? ')' : '');
  }

  /** Writes a constant down, after what has to be done. */
  write(path: NodePath, outcome: Outcome): void {
    if (outcome.is === 'vanishing') {
      this.keeping.keep(path, outcome.value, this.keeping.isQuiet(path));
      return;
    }
    const text = outcome.value === undefined ? 'void 0' : String(outcome.value);
    if (outcome.effects.length === 0) {
      this.edits.replaceExpression(path, text);
      return;
    }
    const before = `${this.edits.shorthand(path)}${this.edits.hazard(path, path, '(')}(`;
    const effects = outcome.effects.map(({ node }) => node as Span);
    this.edits.keepOnly(path.node as Span, effects, before, ', ', `, ${text})`);
  }

  /**
   * What has to be done although it stands in what goes: it changes the program, and not only the probe. Arguments of a
   * probe should have none of it.
   */
  effects(paths: readonly NodePath[], what = 'an argument of a probe'): NodePath[] {
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
      this.keeping.warn(
        path,
        `\`${short}\` stays, since it changes the program: it is in ${what}, which must have no side effects; do it in a statement of its own`,
      );
      found.push(path);
      this.inner.use(path);
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
          this.edits.keepOnly(
            whole.node as Span,
            [inner.node as Span],
            `${this.edits.hazard(whole, whole, '(')}(`,
            '',
            ')',
          );
        else this.replaceBy(whole, inner, []);
      }
      return undefined;
    }
    this.inner.use(given);
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
    const close = effects.length > 0 ? ')' : '';
    const hazard = close || before ? this.edits.hazard(whole, whole, '(') : '';
    const callee = { start: whole.node.start!, end: inner.node.start! };
    const rest = { start: inner.node.end!, end: whole.node.end! };
    const spans = (paths: readonly NodePath[]) => paths.map(({ node }) => node as Span);
    if (effects.length > 0) this.edits.keepOnly(callee, spans(effects), `${hazard}(`, ', ', `, ${before}`);
    else this.edits.replace(callee.start, callee.end, hazard + before);
    if (args.length > 0) this.edits.keepOnly(rest, spans(args), after, ', ', `)${close}`);
    else this.edits.replace(rest.start, rest.end, `${after})${close}`);
  }

  private withCallback(whole: NodePath, effects: readonly NodePath[], given: NodePath, callback: NodePath): undefined {
    const work = unwrapped(given);
    const place = work.isArrowFunctionExpression() ? callbackPlace(work) : undefined;
    this.inner.use(given);
    this.inner.use(callback);
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
}

export const callArguments = (path: NodePath) => unwrapped(path).get('arguments') as NodePath[];

function hasChanges(path: NodePath): boolean {
  if (path.isFunction() || path.isClass()) return false;
  return changesProgram(path) || children(path).some(hasChanges);
}
