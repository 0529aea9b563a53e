// Changes of a module's text, such that what is left reads as if it had been written so.
import type { NodePath } from '@babel/traverse';
import type * as t from '@babel/types';
import MagicString from 'magic-string';

/** What became of a character. */
const STAYS = 0;
const ERASED = 1;
const REPLACED = 2;

/** Statements that may end in a brace which is not theirs. */
const NEED_SEMICOLONS = new Set([
  'ExpressionStatement',
  'VariableDeclaration',
  'ReturnStatement',
  'ThrowStatement',
  'ExportDefaultDeclaration',
  'ExportNamedDeclaration',
]);

/** Comments that no tool may take out. */
const LEGAL = /^[*/]*!|@license|@preserve|@copyright/;

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A node, with a place. Those of a parsed text have one. */
export type Span = Range & t.Node;

export class Edits {
  readonly text: MagicString;
  private readonly code: string;
  private readonly literals: readonly Range[];
  private readonly fate: Uint8Array;

  /** @param literals texts of several lines, whose white space belongs to them */
  constructor(code: string, literals: readonly Range[]) {
    this.code = code;
    this.literals = literals;
    this.text = new MagicString(code);
    this.fate = new Uint8Array(code.length);
  }

  get isChanged(): boolean {
    return this.text.hasChanged();
  }

  /** Whether this is no longer in the text. */
  isGone(node: t.Node): boolean {
    return this.fate[node.start!] !== STAYS;
  }

  erase(start: number, end: number): void {
    if (start >= end) return;
    this.text.remove(start, end);
    this.fate.fill(ERASED, start, end);
  }

  replace(start: number, end: number, text: string): void {
    if (text === '') {
      this.erase(start, end);
    } else if (start === end) {
      this.text.appendLeft(start, text);
    } else {
      this.text.update(start, end, text);
      this.fate.fill(REPLACED, start, end);
    }
  }

  /** Keeps only these parts of something, in their order, with `before`, `between` and `after` around them. */
  keepOnly(whole: Range, parts: readonly Range[], before = '', between = '', after = ''): void {
    let at = whole.start;
    for (const [index, part] of parts.entries()) {
      this.replace(at, part.start, index === 0 ? before : between);
      at = part.end;
    }
    this.replace(at, whole.end, after);
  }

  /** Puts a part in the place of another one. */
  move(part: Range, place: Range): void {
    this.erase(place.start, place.end);
    this.text.move(part.start, part.end, place.start);
  }

  /** Whether only white space is left between these places. */
  isBlank(start: number, end: number): boolean {
    for (let i = start; i < end; i++) {
      if (this.fate[i] === REPLACED) return false;
      if (this.fate[i] === STAYS && !/\s/.test(this.code[i]!)) return false;
    }
    return true;
  }

  /** Erases a statement or a class's field, with the comment directly above, and the lines if nothing else is in them. */
  eraseLines(node: t.Node, keepComments = false): void {
    const { code } = this;
    let { start, end } = node as Range;
    if (!keepComments) start = this.withComments(node);
    const lineStart = this.lineStart(start);
    const rest = code.slice(end, this.lineEnd(end));
    const isLast = /^\s*(?:\/\/.*|\/\*(?!!)[\s\S]*\*\/\s*)?$/.test(rest);
    if (!this.isBlank(lineStart, start)) {
      start -= /[^\S\n]*$/.exec(code.slice(lineStart, start))![0].length;
    } else if (isLast) {
      start = lineStart;
      end = Math.min(this.lineEnd(end) + 1, code.length);
    } else {
      end += /^[^\S\n]*/.exec(rest)![0].length;
    }
    this.erase(start, end);
  }

  /** Where lines are gone, leaves no more empty ones than there would be: one, and none where a block begins or ends. */
  tidy(): void {
    const { code } = this;
    let above = '{';
    let blanks: Range[] = [];
    let isGone = false;
    const settle = (below: string) => {
      const isEdge = /[{([]\s*$/.test(above) || /^\s*[})\]]/.test(below) || below === '';
      if (isGone) for (const { start, end } of blanks.slice(isEdge ? 0 : 1)) this.erase(start, end);
      blanks = [];
      isGone = false;
    };
    for (let start = 0; start < code.length; ) {
      const end = Math.min(this.lineEnd(start) + 1, code.length);
      const fates = this.fate.subarray(start, end);
      if (fates.every((each) => each === ERASED)) isGone = true;
      else if (this.isBlank(start, end) && fates.every((each) => each === STAYS)) blanks.push({ start, end });
      else {
        const line = code.slice(start, end);
        settle(line);
        above = line;
      }
      start = end;
    }
    settle('');
  }

  /** Erases some of a list's items and the commas between. */
  eraseItems(items: readonly t.Node[], isErased: (item: t.Node, index: number) => boolean): void {
    let lastKept: t.Node | undefined;
    const remains = items.map((item, index) => !isErased(item, index));
    for (const [index, item] of items.entries()) {
      if (remains[index]) {
        lastKept = item;
        continue;
      }
      const next = items[index + 1];
      if (next && remains.slice(index + 1).includes(true)) this.erase(this.withComments(item), this.withComments(next));
      else if (lastKept) this.erase(lastKept.end!, item.end!);
      else this.erase(item.start!, item.end!);
    }
  }

  /** Moves lines as far to the left as the first of them stands to the right of `place`. */
  outdent(range: Range, place: number): void {
    const by = this.indentation(range.start) - this.indentation(place);
    if (by <= 0) return;
    for (let at = this.lineEnd(range.start) + 1; at < range.end; at = this.lineEnd(at) + 1) {
      const space = /^[^\S\n]*/.exec(this.code.slice(at, at + by))![0].length;
      if (this.literals.some(({ start, end }) => start < at && at <= end)) continue;
      if (this.fate.subarray(at, at + space).every((each) => each === STAYS)) this.erase(at, at + space);
    }
  }

  /** Where an item starts, with the comments directly above. */
  withComments(node: t.Node): number {
    let start = node.start!;
    for (const comment of [...(node.leadingComments ?? [])].reverse()) {
      const isDirectlyAbove = /^[^\S\n]*(?:\r?\n[^\S\n]*)?$/.test(this.code.slice(comment.end!, start));
      const hasOwnLine = this.code.slice(this.lineStart(comment.start!), comment.start!).trim() === '';
      if (!isDirectlyAbove || !hasOwnLine || LEGAL.test(comment.value) || comment.value.startsWith('#')) break;
      start = comment.start!;
    }
    return start;
  }

  private indentation(at: number): number {
    return /^[^\S\n]*/.exec(this.code.slice(this.lineStart(at)))![0].length;
  }

  private lineStart(at: number): number {
    return this.code.lastIndexOf('\n', at - 1) + 1;
  }

  /** The place of the line's end, which is where its newline stands. */
  private lineEnd(at: number): number {
    const end = this.code.indexOf('\n', at);
    return end === -1 ? this.code.length : end;
  }

  /** Whether a part would begin a statement, or an arrow function's body, as something else than the expression that it is. */
  lead(part: NodePath, place: NodePath): boolean {
    if (!/^(?:\{|function\b|class\b|async\s+function\b|let\s*\[)/.test(this.code.slice(part.node.start!))) return false;
    let outer = place;
    while (!outer.isStatement() && outer.parentPath?.node.start === place.node.start) outer = outer.parentPath!;
    return (
      outer.isExpressionStatement() || (outer.key === 'body' && outer.parentPath?.isArrowFunctionExpression() === true)
    );
  }

  /** A semicolon, where the part would continue the statement above. */
  hazard(part: NodePath, place: NodePath, first = this.code[part.node.start!]!): string {
    if (!/[([`/+-]/.test(first)) return '';
    const statement = place.getStatementParent();
    if (!statement?.inList || statement.node.start !== place.node.start) return '';
    const statements = statement.container as t.Node[];
    const siblings = statements.map((_, index) => statement.getSibling(index));
    return this.isEnded(siblings, statement.key as number) ? '' : ';';
  }

  replaceExpression(path: NodePath, text: string): void {
    this.replace(path.node.start!, path.node.end!, this.shorthand(path) + text);
  }

  /** The property's name, where it is the variable's: `{ probe }`. */
  shorthand(path: NodePath): string {
    const { parent } = path;
    if (parent.type !== 'ObjectProperty' || !parent.shorthand || parent.value !== path.node) return '';
    return `${this.code.slice(...span(parent.key))}: `;
  }

  /** An object as it must be written to stand here. */
  asOperand(text: string, path: NodePath): string {
    const isAccessed = path.parentPath?.isMemberExpression() || path.parentPath?.isOptionalMemberExpression();
    const isBody = path.key === 'body' || path.parentPath?.isExpressionStatement();
    return isAccessed || isBody ? `(${text})` : text;
  }

  /** Whether what is left before a statement does not run on into it. */
  isEnded(statements: readonly NodePath[], index: number): boolean {
    const before = statements.slice(0, index).findLast(({ node }) => !this.isBlank(node.start!, node.end!))?.node;
    return !before || this.isClosed(before);
  }

  /** Whether a statement ends where it does whatever comes after it. */
  isClosed(node: t.Node): boolean {
    let last = node.end! - 1;
    while (this.fate[last] === ERASED) last--;
    if (this.fate[last] !== STAYS) return false;
    return this.code[last] === ';' || (this.code[last] === '}' && !NEED_SEMICOLONS.has(node.type));
  }
}

export const span = (node: t.Node): [number, number] => [node.start!, node.end!];
