// Variables, parameters and private fields that stand for probes. Each is removed when nothing
// refers to it any more.
import type { NodePath } from '@babel/traverse';
import type * as t from '@babel/types';
import type { Expressions, Work } from './expressions.js';
import { isTarget, patternNames, usesOf } from './meaning.js';
import { isPure } from './purity.js';
import { unwrapped } from './source.js';

export class Names {
  private readonly work: Work;
  private readonly expressions: Expressions;

  constructor(work: Work, expressions: Expressions) {
    this.work = work;
    this.expressions = expressions;
  }

  /** Takes charge of a variable whose value has a meaning. Returns false where it has none. */
  variable(path: NodePath<t.VariableDeclarator>): boolean {
    const { known, leftovers } = this.work;
    const declaration = path.parentPath as NodePath<t.VariableDeclaration>;
    const init = path.get('init') as NodePath;
    const bindings = Object.keys(path.getBindingIdentifiers()).map((name) => path.scope.getBinding(name)!);
    const meaning = init.node && bindings.every(({ constant }) => constant) ? known.meaning(init) : undefined;
    if (!meaning || meaning.is === 'method') return false;
    const isRemovable = declaration.inList && declaration.node.kind !== 'await using' && known.isInert(init);
    leftovers.add({
      node: path.node,
      list: declaration.node.declarations,
      whole: declaration.node,
      isUsed: () => !isRemovable || bindings.some((each) => leftovers.isUsed(each)),
      keep: () => {
        if (known.isProbe(init)) this.keep(path, init);
        else this.expressions.rewrite(init);
      },
    });
    return true;
  }

  /** Marks what a variable stands for, so that bundlers leave it out when nothing uses it. */
  private keep(path: NodePath<t.VariableDeclarator>, init: NodePath): void {
    const { edits, known, warnings } = this.work;
    const id = path.get('id') as NodePath;
    const isTopLevel = path.scope.path.isProgram();
    if (id.isIdentifier()) {
      if (isTopLevel || known.isDefinition(unwrapped(init))) this.expressions.mark(unwrapped(init));
      return;
    }
    // Bundlers take no pattern for pure.
    const value = edits.source(init.node);
    const variables = Object.values(path.getBindingIdentifiers()).map((identifier) => {
      const access = patternNames(id, identifier)?.map((name) => `[${JSON.stringify(name)}]`);
      return access && `${identifier.name} = /*#__PURE__*/ (() => ${value}${access.join('')})()`;
    });
    if (variables.includes(undefined)) warnings.probe(init);
    else if (isTopLevel && known.isInert(init)) edits.replace(path.node, variables.join(', '));
  }

  /**
   * Takes charge of a parameter, or a property of one, that has a probe as its default. Returns
   * false where it has none.
   *
   * @param node what is removed with it: one of `list`
   */
  parameter(path: NodePath, node: NodePath, list: readonly t.Node[]): boolean {
    const { known, leftovers } = this.work;
    const left = path.isAssignmentPattern() && isPure(path.get('right')) ? path.get('left') : undefined;
    const binding = left?.isIdentifier() ? left.scope.getBinding(left.node.name) : undefined;
    if (!binding || !known.isProbe(left!)) return false;
    leftovers.add({
      node: node.node,
      list,
      // A function's `length` counts the parameters before the first that has a default.
      ...(node === path && { filler: `${binding.identifier.name} = void 0` }),
      isUsed: () => leftovers.isUsed(binding),
    });
    return true;
  }

  /** Takes charge of a private field that is a probe. Returns false where it is none. */
  field(path: NodePath<t.ClassPrivateProperty>): boolean {
    const { edits, known, leftovers, warnings } = this.work;
    const value = path.get('value') as NodePath;
    const uses = usesOf(path);
    if (!value.node || path.node.decorators?.length || uses.some(isTarget)) return false;
    if (!known.isProbe(value) || !known.isInert(value)) return false;
    leftovers.add({
      node: path.node,
      list: [path.node],
      whole: path.node,
      isUsed: () => uses.some(({ node }) => !edits.isGone(node)),
      keep: () => {
        warnings.probe(value);
        if (known.isDefinition(unwrapped(value))) this.expressions.mark(unwrapped(value));
      },
    });
    return true;
  }

  /** Marks a default export that is a probe or provider. Returns false where it is none. */
  defaultExport(path: NodePath): boolean {
    const isProbe = this.work.known.isProbe(path);
    if (isProbe) this.expressions.mark(unwrapped(path));
    return isProbe;
  }
}
