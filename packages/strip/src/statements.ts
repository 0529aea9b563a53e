// Takes probes out of statements, functions and classes.
import type { NodePath, Scope } from '@babel/traverse';
import type * as t from '@babel/types';
import { partOf } from './edits.js';
import { Expressions, type Work } from './expressions.js';
import { evaluated } from './known.js';
import { Names } from './names.js';
import { hoists, inlineBlock, isLast } from './operations.js';
import { isPure } from './purity.js';
import { children, isType, requestOf, unwrapped } from './source.js';

export class Statements {
  private readonly work: Work;
  private readonly expressions: Expressions;
  private readonly names: Names;
  /** The names that are declared in blocks which have lost their braces, by where these stand. */
  private readonly spilled = new Map<Scope, string[]>();

  constructor(work: Work) {
    this.work = work;
    this.expressions = new Expressions(work, (path) => this.rewrite(path));
    this.names = new Names(work, this.expressions);
  }

  /** Takes the probes out of a node. */
  rewrite(path: NodePath): void {
    if (isType(path) || path.isExportSpecifier() || this.whole(path)) return;
    // A semicolon keeps the lines above and below apart.
    if (this.isIdle(path)) this.work.edits.replace(path.node, path.inList ? ';' : '{}');
    else if (path.isFunction()) this.function(path);
    else if (path.isExpression()) this.expressions.rewrite(path);
    else this.inside(path);
  }

  private inside(path: NodePath): void {
    const request = requestOf(path);
    if (request) this.expressions.redirect(request);
    else for (const each of children(path)) this.rewrite(each);
  }

  /** Rewrites a node as a whole. Returns false where its parts are to be rewritten. */
  private whole(path: NodePath): boolean {
    if (path.isIfStatement()) return this.decide(path);
    if (path.isExpressionStatement() || path.isReturnStatement()) return this.inline(path);
    if (path.isVariableDeclarator()) return this.names.variable(path);
    if (path.isClassPrivateProperty()) return this.names.field(path);
    return path.isExportDefaultDeclaration() && this.names.defaultExport(path.get('declaration') as NodePath);
  }

  /** Whether a statement is there for probes alone. */
  private isIdle(path: NodePath): boolean {
    if (path.isExpressionStatement()) return this.work.known.isIdle(path.get('expression'));
    if (path.isIfStatement()) {
      const branches = [path.get('consequent'), path.get('alternate') as NodePath].filter(({ node }) => node);
      return isPure(path.get('test')) && branches.every((each) => this.isIdle(each));
    }
    const statements = path.isBlockStatement() ? path.get('body').filter((each) => !each.isEmptyStatement()) : [];
    return statements.length > 0 && statements.every((each) => this.isIdle(each));
  }

  /** Replaces an `if` by the branch that is always run. Returns false where that is not known. */
  private decide(path: NodePath<t.IfStatement>): boolean {
    const truth = this.work.known.truth(path.get('test'));
    const branches = [path.get('alternate') as NodePath, path.get('consequent') as NodePath];
    const [chosen, other] = truth ? branches.reverse() : branches;
    if (truth === undefined || (other!.node && hoists(other!))) return false;
    if (chosen!.node) this.rewrite(chosen!);
    // In braces, so that an `else` further out does not come to belong to it.
    this.expressions.keepOnly(path, chosen!.node ? [partOf(chosen!.node)] : [], '{ ', ' }');
    return true;
  }

  /**
   * Replaces an operation by the statements of its work. Returns false where that would change
   * something.
   */
  private inline(statement: NodePath<t.ExpressionStatement | t.ReturnStatement>): boolean {
    const path = unwrapped(statement.get(statement.isReturnStatement() ? 'argument' : 'expression') as NodePath);
    const operation = path.isAwaitExpression() ? unwrapped(path.get('argument')) : path;
    if (!this.work.known.isCallOf(operation, 'run')) return false;
    const [object, start, work, ...others] = evaluated(operation);
    const block = work && inlineBlock(unwrapped(work), statement, operation !== path);
    if (!block || ![object!, start!, ...others].every((each) => isPure(each))) return false;
    this.inside(block);
    const braces = this.spill(block, statement) ? 1 : 0;
    const kept = { start: block.node.start! + braces, end: block.node.end! - braces };
    const end = statement.isReturnStatement() && !isLast(statement) ? '; return;' : ';';
    this.work.edits.keepOnly(statement.node, [kept], ';', end);
    return true;
  }

  /**
   * Whether a block can go without its braces: its names mean nothing around it, and nothing is
   * disposed of at its end.
   */
  private spill(block: NodePath<t.BlockStatement>, { scope }: NodePath): boolean {
    if (block.node.body.some((each) => each.type === 'VariableDeclaration' && each.kind.endsWith('using')))
      return false;
    const names = [...Object.keys(block.scope.bindings), ...(this.spilled.get(block.scope) ?? [])];
    const others = this.spilled.get(scope) ?? [];
    if (names.some((name) => others.includes(name) || scope.hasBinding(name, true) || scope.hasGlobal(name)))
      return false;
    this.spilled.set(scope, [...others, ...names]);
    return true;
  }

  private function(path: NodePath<t.Function>): void {
    for (const part of children(path)) {
      if (part.listKey === 'params') this.parameter(part, path.node.params);
      else if (part.key === 'body' && this.work.known.isNothing(part)) this.work.edits.replace(part.node, '{}');
      else this.rewrite(part);
    }
  }

  private parameter(param: NodePath, params: readonly t.Node[]): void {
    const pattern = param.isAssignmentPattern() ? (param.get('left') as NodePath) : param;
    if (!pattern.isObjectPattern()) {
      if (!this.names.parameter(param, param, params)) this.rewrite(param);
      return;
    }
    if (pattern !== param) this.rewrite(param.get('right') as NodePath);
    for (const property of pattern.get('properties')) {
      const value = property.isObjectProperty() ? (property.get('value') as NodePath) : property;
      if (!this.names.parameter(value, property, pattern.node.properties)) this.rewrite(property);
    }
  }
}
