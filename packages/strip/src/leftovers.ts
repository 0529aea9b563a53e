// Removes names that nothing refers to any more.
import type { Binding, NodePath } from '@babel/traverse';
import type * as t from '@babel/types';
import type { Edits } from './edits.js';
import { isType } from './source.js';

/** A name, or what is passed for one. */
export interface Leftover {
  /** What is removed: one of `list`, such as the variables of a declaration. */
  readonly node: t.Node;
  readonly list: readonly t.Node[];
  /** What is removed with the last of `list`. */
  readonly whole?: t.Node;
  /** What replaces the node where others follow, which must keep their places. */
  readonly filler?: string;
  readonly isUsed: () => boolean;
  /** Called at the end if it is still used. */
  readonly keep?: () => void;
}

export class Leftovers {
  private readonly edits: Edits;
  private leftovers: Leftover[] = [];
  private readonly removed = new Map<t.Node, Leftover>();

  constructor(edits: Edits) {
    this.edits = edits;
  }

  add(leftover: Leftover): void {
    this.leftovers.push(leftover);
  }

  /** Whether something that is left refers to a variable. */
  isUsed({ referencePaths }: Binding): boolean {
    return referencePaths.some((path) => !this.edits.isGone(path.node) && !isInType(path));
  }

  /** Removes what nothing refers to, then what only that referred to, and so on. */
  settle(): void {
    let unused: Leftover[];
    do {
      unused = this.leftovers.filter(({ isUsed }) => !isUsed());
      this.leftovers = this.leftovers.filter((each) => !unused.includes(each));
      for (const each of unused) {
        this.edits.replace(each.node, '');
        this.removed.set(each.node, each);
      }
    } while (unused.length > 0);
    for (const { keep } of this.leftovers) keep?.();
    for (const [list, { whole }] of new Map([...this.removed.values()].map((each) => [each.list, each]))) {
      if (whole && list.every((node) => this.removed.has(node))) this.edits.replace(whole, ';');
      else this.tidy(list);
    }
  }

  /** Removes the commas of what is removed. */
  private tidy(list: readonly t.Node[]): void {
    const last = list.findLastIndex((node) => !this.removed.has(node));
    for (const [index, node] of list.entries()) {
      const removed = index < last ? this.removed.get(node) : undefined;
      if (removed?.filler !== undefined) this.edits.replace(node, removed.filler);
      else if (removed) this.edits.put(node.start!, list[index + 1]!.start!, '');
    }
    const end = list.at(-1)!.end!;
    const [comma] = /^(?:\s|\/\*[\s\S]*?\*\/|\/\/.*)*,|/.exec(this.edits.code.slice(end))!;
    if (last < list.length - 1) this.edits.put(list[last]?.end ?? list[0]!.start!, end + comma.length, '');
  }
}

function isInType(path: NodePath): boolean {
  return path.find((each) => isType(each) || each.isImportDeclaration()) !== null;
}
