// Takes probes out of expressions.
import type { NodePath } from '@babel/traverse';
import * as t from '@babel/types';
import { type Edits, type Part, partOf } from './edits.js';
import { evaluated, type Known } from './known.js';
import type { Leftovers } from './leftovers.js';
import { isTarget } from './meaning.js';
import type { Module } from './module.js';
import { callbackPlace, isTransparent } from './operations.js';
import { isPure } from './purity.js';
import { isSonde, isTesting, NOOP } from './sonde.js';
import { callArguments, children, isWrapper, requestOf, unwrapped, wrapped } from './source.js';
import type { Warnings } from './warnings.js';

/** What all parts of the rewriting of a module share. */
export interface Work {
  readonly module: Module;
  readonly known: Known;
  readonly edits: Edits;
  readonly leftovers: Leftovers;
  readonly warnings: Warnings;
}

export class Expressions {
  private readonly work: Work;
  /** Takes the probes out of any node. */
  private readonly visit: (path: NodePath) => void;

  constructor(work: Work, visit: (path: NodePath) => void) {
    this.work = work;
    this.visit = visit;
  }

  /** Takes the probes out of an expression that is not a function. */
  rewrite(path: NodePath): void {
    const { known, warnings } = this.work;
    if (path.isIdentifier() && !t.isReferenced(path.node, path.parent, path.parentPath.parent)) return;
    const constant = isTarget(path) ? undefined : known.constant(path);
    const chosen = this.chosen(path);
    if (constant !== undefined) this.write(path, constant);
    else if (known.isFire(path)) this.fire(path);
    else if (known.isCallOf(path, 'run', 'runCallback')) this.operation(path);
    else if (known.isDefinition(path)) {
      if (known.isProbe(path)) warnings.probe(path);
      this.mark(path);
    } else if (chosen) {
      this.visit(chosen);
      this.keep(path, [partOf(chosen.node)]);
    } else if (known.isProbe(path) && !isWrapper(path) && !path.isConditionalExpression() && !isTarget(path)) {
      warnings.probe(path);
    } else this.other(path);
  }

  /** The part of an expression that is its value, where that is known. */
  private chosen(path: NodePath): NodePath | undefined {
    const { known } = this.work;
    if (path.isConditionalExpression()) {
      const truth = known.truth(path.get('test'));
      return truth === undefined ? undefined : path.get(truth ? 'consequent' : 'alternate');
    }
    const isKnown = path.isLogicalExpression() && path.node.operator !== '??';
    return isKnown && known.truth(path.get('left')) === (path.node.operator === '&&') ? path.get('right') : undefined;
  }

  private fire(path: NodePath): void {
    const effects = this.effects(evaluated(path), false);
    if (effects.length === 0) this.write(path, undefined);
    else this.keepOnly(path, effects, '(void (', '))');
  }

  /** What must be evaluated without the probe too. */
  private effects(paths: readonly NodePath[], isOfOperation: boolean): Part[] {
    const effects = paths.filter((path) => !isPure(path));
    for (const path of effects) {
      this.work.warnings.effect(path, isOfOperation);
      this.visit(path);
    }
    return effects.map((path) =>
      path.isSpreadElement() ? { ...partOf(path.node), open: '[', close: ']' } : partOf(path.node),
    );
  }

  /** Leaves of an operation a call of its work. */
  private operation(path: NodePath): void {
    const { edits, known } = this.work;
    const [object, ...given] = evaluated(path);
    const [start, work, ...others] = given;
    const callback = known.isCallOf(path, 'runCallback') ? others.shift() : undefined;
    const isComplete = work && (callback || known.isCallOf(path, 'run'));
    if (!isComplete || given.some((each) => each.isSpreadElement()) || !others.every((each) => isPure(each))) {
      this.other(path);
      return;
    }
    const called = unwrapped(work);
    const before = this.effects([object!, ...listed(start!)], true);
    const place = callback?.isIdentifier() ? callbackPlace(called, callback) : undefined;
    if (
      place ? !known.meaning(place.parentPath!.get('callee') as NodePath) : !callback && isTransparent(called, path)
    ) {
      const body = called.get('body') as NodePath;
      this.visit(body);
      if (place) edits.replace(place.node, edits.source(callback!.node));
      this.keep(path, [...before, partOf(body.node)]);
      return;
    }
    this.visit(work);
    if (callback) {
      this.visit(callback);
      edits.put(work.node.end!, callback.node.start!, ')(');
    }
    // A method is called without the object that it is read from.
    const open = called.isFunction() || called.isIdentifier() ? '(' : '(0, ';
    const call = { start: work.node.start!, end: (callback ?? work).node.end!, open, close: callback ? ')' : ')()' };
    this.keepOnly(path, [...before, call], '(', ')');
  }

  private other(path: NodePath): void {
    const request = requestOf(path);
    if (request) this.redirect(request);
    for (const each of children(path)) if (each.listKey !== 'arguments' || !this.passed(each, path)) this.visit(each);
  }

  /**
   * Takes charge of a probe that is passed for a parameter with a probe as its default: it goes
   * with the parameter. Returns false for other arguments.
   */
  private passed(argument: NodePath, path: NodePath): boolean {
    const { known, leftovers, warnings } = this.work;
    const param = known.isProbe(argument) && isPure(argument) ? parameterOf(path, argument.key as number) : undefined;
    const binding = param?.scope.getBinding((param.node as t.Identifier).name);
    if (!binding || !known.isProbe(param!)) return false;
    leftovers.add({
      node: argument.node,
      list: argument.container as unknown as t.Node[],
      filler: 'void 0',
      isUsed: () => leftovers.isUsed(binding),
      keep: () => warnings.probe(argument),
    });
    return true;
  }

  /** Leads an import of sonde to what stands for it in a stripped bundle. */
  redirect(source: NodePath<t.StringLiteral>): void {
    const { edits, module, warnings } = this.work;
    const { value } = source.node;
    if (!module.strips) return;
    if (isSonde(value)) edits.replace(source.node, JSON.stringify(NOOP));
    else if (isTesting(value)) warnings.testing(source, value);
  }

  /**
   * Marks a definition, or what leads to one, as what bundlers may leave out when nothing uses it.
   */
  mark(path: NodePath): void {
    const { edits, known } = this.work;
    // They take a call for pure if it is marked, with all that is evaluated inside, and not what is
    // read or iterated.
    if (known.isInert(path)) edits.surround(path.node, '/*#__PURE__*/ (() => ', ')()');
    else if (known.isDefinition(path)) {
      edits.surround(path.node, '/*#__PURE__*/ ', '');
      for (const each of children(path)) this.visit(each);
    }
  }

  /** Writes a value in the place of an expression. */
  private write(path: NodePath, value: boolean | undefined): void {
    const { parent, node } = path;
    const isShorthand = parent.type === 'ObjectProperty' && parent.shorthand && parent.value === node;
    const name = isShorthand ? `${this.work.edits.source(node)}: ` : '';
    this.work.edits.replace(node, `${semicolon(path)}${name}(${value ?? 'void 0'})`);
  }

  /** Leaves some parts of an expression, the last of which is its value. */
  private keep(path: NodePath, parts: readonly Part[]): void {
    const { key } = wrapped(path);
    // In parentheses alone, a method would still be called on its object.
    this.keepOnly(path, parts, key === 'callee' || key === 'tag' ? '(0, ' : '(', ')');
  }

  /** Leaves some parts of an expression or statement, with texts before and after. */
  keepOnly(path: NodePath, parts: readonly Part[], before: string, after: string): void {
    this.work.edits.keepOnly(path.node, parts, semicolon(path) + before, after);
  }
}

/** What begins with a parenthesis would continue the line above, where that has no semicolon. */
function semicolon(path: NodePath): string {
  const statement = path.getStatementParent();
  return statement?.inList && statement.node.start === path.node.start ? ';' : '';
}

/** The values that an operation starts with. */
function listed(start: NodePath): NodePath[] {
  const list = unwrapped(start);
  return list.isArrayExpression() ? children(list) : [start];
}

/**
 * The parameter with a default that an argument is for, of a function that is called by its name.
 */
function parameterOf(path: NodePath, index: number): NodePath | undefined {
  const callee = path.get('callee') as NodePath;
  const binding = callee.isIdentifier() ? callee.scope.getBinding(callee.node.name) : undefined;
  if (!binding?.constant || callArguments(path).some((each) => each.isSpreadElement())) return undefined;
  const init = binding.path.isVariableDeclarator() ? (binding.path.get('init') as NodePath) : binding.path;
  const param = init.isFunction() && !usesArguments(init) ? (init.get('params') as NodePath[])[index] : undefined;
  const left = param?.isAssignmentPattern() ? param.get('left') : undefined;
  return left?.isIdentifier() ? left : undefined;
}

function usesArguments(path: NodePath): boolean {
  return children(path).some((each) => each.isIdentifier({ name: 'arguments' }) || usesArguments(each));
}
