// What is known of expressions when no tracer is there.
import type { NodePath } from '@babel/traverse';
import type * as t from '@babel/types';
import type { Meaning, Meanings, Method } from './meaning.js';
import type { Module } from './module.js';
import { isPure } from './purity.js';
import { isDefiner } from './sonde.js';
import { callArguments, unwrapped } from './source.js';

export class Known {
  private readonly module: Module;
  private readonly meanings: Meanings;
  private readonly constants = new Map<t.Node, boolean | undefined>();
  private readonly truths = new Map<t.Node, boolean | undefined>();

  constructor(module: Module, meanings: Meanings) {
    this.module = module;
    this.meanings = meanings;
  }

  meaning(path: NodePath): Meaning | undefined {
    return this.meanings.of(path, this.module);
  }

  /** Whether an expression is a probe or a provider. */
  isProbe(path: NodePath): boolean {
    const is = this.meaning(path)?.is;
    return is === 'probe' || is === 'provider';
  }

  isCallOf(path: NodePath, ...names: readonly Method[]): boolean {
    if (!path.isCallExpression() && !path.isOptionalCallExpression()) return false;
    const meaning = this.meaning(path.get('callee') as NodePath);
    return meaning?.is === 'method' && names.includes(meaning.name);
  }

  /** Whether an expression is a call that does nothing without a tracer. */
  isFire(path: NodePath): boolean {
    return this.isCallOf(path, 'fire', 'fireWith', 'unload');
  }

  /** Whether an expression defines a provider, or a part of one. */
  isDefinition(path: NodePath): boolean {
    const callee = path.isCallExpression() ? this.meaning(path.get('callee')) : undefined;
    return callee?.is === 'export of sonde' && isDefiner(callee.name);
  }

  /** Whether evaluating an expression does nothing but define probes. */
  isInert(path: NodePath): boolean {
    return isPure(path, (part) => part.isSpreadElement() || this.isDefinition(part));
  }

  /** The value of an expression, if it is known and evaluating it has no effects. */
  constant(path: NodePath): boolean | undefined {
    const inner = unwrapped(path);
    if (!this.constants.has(inner.node)) this.constants.set(inner.node, this.computeConstant(inner));
    return this.constants.get(inner.node);
  }

  private computeConstant(inner: NodePath): boolean | undefined {
    if (inner.isUnaryExpression({ operator: '!' })) {
      const truth = this.truth(inner.get('argument'));
      return truth === undefined ? undefined : !truth;
    }
    if (inner.isLogicalExpression()) {
      const left = this.constant(inner.get('left'));
      const decides = inner.node.operator === '??' || left === (inner.node.operator === '||');
      return left === undefined || decides ? left : this.constant(inner.get('right'));
    }
    return this.meaning(inner)?.is === 'enabled' && isPure(inner) ? false : undefined;
  }

  /** Whether an expression counts as true, if that is known and evaluating it has no effects. */
  truth(path: NodePath): boolean | undefined {
    const inner = unwrapped(path);
    if (!this.truths.has(inner.node)) this.truths.set(inner.node, this.computeTruth(inner));
    return this.truths.get(inner.node);
  }

  private computeTruth(inner: NodePath): boolean | undefined {
    const constant = this.constant(inner);
    if (constant !== undefined || !isPure(inner)) return constant;
    if (!inner.isLogicalExpression()) return this.isProbe(inner) || undefined;
    if (inner.node.operator === '??') return undefined;
    const [left, right] = [this.truth(inner.get('left')), this.truth(inner.get('right'))];
    const decisive = inner.node.operator === '||';
    if (left === decisive || right === decisive) return decisive;
    return left === undefined ? undefined : right;
  }

  /** Whether an expression whose value nobody uses can be removed. */
  isIdle(path: NodePath): boolean {
    const inner = unwrapped(path);
    if (inner.isUnaryExpression() && inner.node.operator !== 'delete') return this.isIdle(inner.get('argument'));
    if (inner.isLogicalExpression()) return isPure(inner.get('left')) && this.isIdle(inner.get('right'));
    if (inner.isConditionalExpression()) {
      return isPure(inner.get('test')) && this.isIdle(inner.get('consequent')) && this.isIdle(inner.get('alternate'));
    }
    if (inner.isSequenceExpression()) return inner.get('expressions').every((each) => this.isIdle(each));
    return this.isNothing(inner) || this.truth(inner) !== undefined;
  }

  /** Whether an expression does nothing and is `undefined`. */
  isNothing(path: NodePath): boolean {
    const inner = unwrapped(path);
    return this.isFire(inner) && evaluated(inner).every((each) => isPure(each));
  }
}

/** What is evaluated before a method of a probe is called: the probe, and the arguments. */
export function evaluated(call: NodePath): NodePath[] {
  const callee = unwrapped(call.get('callee') as NodePath);
  return [callee.get('object') as NodePath, ...callArguments(call)];
}
