// The functions of a source that runs already: where each begins and ends, and what must be known of
// its body before it is known at which places V8 passes when it is called, and when it returns.
import type { Function as FunctionNode, Node, Position } from 'acorn';
import { ANONYMOUS, hintFor, isClass, isNode, nameOf } from './names.js';
import { parse } from './parse.js';

/** As the parser counts: lines from 1, columns from 0. */
export interface Range {
  start: Position;
  end: Position;
}

export type Sort = 'sync' | 'async' | 'generator' | 'async generator';

/** What leaves a function. */
export interface Leaving extends Range {
  /**
   * Whether V8 has a place where it returns, at the end of this. It has none inside of a `for … of`
   * and of a `try` with a `finally`, which have something left to do then.
   */
  isSeen: boolean;
  /** Whether what it returns takes no time, so that where it begins is as good as its end. */
  isShort: boolean;
  /** Of the innermost `try` around it that has one. */
  final?: Range;
}

export interface Loop extends Range {
  /** Its part that runs once, before the rest, if it has one. */
  first?: Range;
}

export interface FoundFunction extends Range {
  /** As names.ts has it. */
  name: string;
  sort: Sort;
  /** In UTF-16 units. */
  length: number;
  /** Where V8's places are looked for: no nested function begins there. */
  from: Position;
  /** What it returns, if it is an arrow without a body in braces. */
  expression?: Leaving;
  leavings: Leaving[];
  loops: Loop[];
  /**
   * Whether V8 has no place for its end: a constructor of a class that extends another, where a
   * `return` has that place.
   */
  isEndHidden: boolean;
  /**
   * Whether a condition would change what it means. In a constructor of such a class, V8 keeps
   * `this` elsewhere if an arrow or an eval may ask for it. When it evaluates something before
   * `super()`, it writes there, and `super()` throws then.
   */
  isFragile: boolean;
  /** Whether parameters may call functions, before the body begins. */
  hasCallsBefore: boolean;
}

/**
 * @param wants whether a function is asked for, by its name and where it is
 * @throws {SyntaxError} where the source cannot be parsed
 */
export function findFunctions(
  source: string,
  isModule: boolean | undefined,
  wants: (fn: Pick<FoundFunction, 'name' | 'start' | 'end'>) => boolean,
): FoundFunction[] {
  const found: FoundFunction[] = [];
  const visit = (node: Node, hint: string | undefined, { parent, className, isDerived, fieldEnd }: Above): void => {
    if (isFunction(node)) {
      const { start, end } = node.loc!;
      const place = { name: nameOf(node) ?? hint ?? ANONYMOUS, start, end };
      if (!isAsm(node) && wants(place)) {
        const isConstructor = isDerived && (parent as Node & { kind?: string }).kind === 'constructor';
        found.push({ ...place, ...insideOf(node, isConstructor, fieldEnd === node.end) });
      }
    }
    if (isClass(node)) {
      className = nameOf(node) ?? hint ?? ANONYMOUS;
      isDerived = Boolean((node as Node & { superClass?: Node | null }).superClass);
    }
    if (node.type === 'PropertyDefinition') fieldEnd = (node as Node & { value?: Node | null }).value?.end;
    const above = { parent: node, className, isDerived, fieldEnd };
    forEachChild(node, (child, key) => visit(child, hintFor(node, key, className), above));
  };
  const nothing = { parent: undefined, className: '', isDerived: false, fieldEnd: undefined };
  visit(parse(source, isModule ? 'module' : undefined), undefined, nothing);
  return found;
}

interface Above {
  parent: Node | undefined;
  className: string;
  /** Whether the class around it extends another. */
  isDerived: boolean;
  /** Where the value of the field around it ends. */
  fieldEnd: number | undefined;
}

function isFunction(node: Node): node is FunctionNode & Node {
  const { type } = node;
  return type === 'FunctionDeclaration' || type === 'FunctionExpression' || type === 'ArrowFunctionExpression';
}

/** V8 compiles it ahead of time, to something else than functions. */
function isAsm({ body }: FunctionNode): boolean {
  return (
    body.type === 'BlockStatement' && body.body.some((node) => 'directive' in node && node.directive === 'use asm')
  );
}

/** @param isLast whether V8's function for the fields of a class ends where it ends */
function insideOf(
  node: FunctionNode & Node,
  isConstructor: boolean,
  isLast: boolean,
): Omit<FoundFunction, keyof Range | 'name'> {
  const inside = {
    length: node.end - node.start,
    sort: sortOf(node),
    leavings: [] as Leaving[],
    loops: [] as Loop[],
    hasCallsBefore: node.params.some(mayCall),
    isFragile: isConstructor && hidesThis(node),
  };
  const { body } = node;
  if (body.type === 'BlockStatement') {
    new Body(inside).visit(body, NOTHING_AROUND);
    return { ...inside, from: body.loc!.start, isEndHidden: isConstructor && inside.leavings.length > 0 };
  }
  // V8 takes the place for another function's that ends there, too.
  const isSeen = !isLast && !endsWithFunction(body, node.end);
  const { start } = body.loc!;
  const { end } = node.loc!;
  const { line, column } = start;
  return {
    ...inside,
    // Behind the arrow: what is returned may be a function itself.
    from: column > 0 ? { line, column: column - 1 } : start,
    isEndHidden: false,
    expression: { start, end, isSeen, isShort: isShort(body) },
  };
}

function endsWithFunction(node: Node, end: number): boolean {
  if (node.end !== end) return false;
  if (isFunction(node)) return true;
  let ends = false;
  forEachChild(node, (child) => {
    ends ||= endsWithFunction(child, end);
  });
  return ends;
}

/** Whether an arrow in it, or a direct eval, may ask for its `this`. */
function hidesThis(node: Node, isInArrow = false): boolean {
  const { type } = node;
  if (isInArrow && (type === 'ThisExpression' || type === 'Super')) return true;
  if (type === 'CallExpression' && nameIn(node, 'callee') === 'eval') return true;
  let hides = false;
  forEachChild(node, (child) => {
    const isArrow = child.type === 'ArrowFunctionExpression';
    if (isArrow || !isFunction(child)) hides ||= hidesThis(child, isInArrow || isArrow);
  });
  return hides;
}

const nameIn = (node: Node, key: string) => (node as unknown as Record<string, { name?: string }>)[key]?.name;

function sortOf({ async, generator }: FunctionNode): Sort {
  if (generator) return async ? 'async generator' : 'generator';
  return async ? 'async' : 'sync';
}

/** What is around a statement. */
interface Around {
  isHidden: boolean;
  final?: Range | undefined;
}

const NOTHING_AROUND: Around = { isHidden: false };

class Body {
  private readonly into: Pick<FoundFunction, 'leavings' | 'loops'>;

  constructor(into: Pick<FoundFunction, 'leavings' | 'loops'>) {
    this.into = into;
  }

  visit(node: Node, around: Around): void {
    if (isFunction(node) || node.type === 'StaticBlock') return;
    const parts = node as unknown as Record<string, Node | null>;
    const { start, end } = node.loc!;
    switch (node.type) {
      case 'ReturnStatement': {
        const { argument } = parts;
        const { isHidden, final } = around;
        const leaving = { start, end, isSeen: !isHidden, isShort: !argument || isShort(argument) };
        this.into.leavings.push({ ...leaving, ...(final && { final }) });
        break;
      }
      case 'TryStatement': {
        const { block, handler, finalizer } = parts;
        const inside = finalizer ? { isHidden: true, final: finalizer.loc! } : around;
        for (const part of [block, handler]) if (part) this.visit(part, inside);
        if (finalizer) this.visit(finalizer, around);
        return;
      }
      case 'ForOfStatement': {
        const { right, body } = parts;
        this.into.loops.push({ start, end, first: right!.loc! });
        this.visit(body!, { ...around, isHidden: true });
        return;
      }
      case 'ForInStatement':
        this.into.loops.push({ start, end, first: parts.right!.loc! });
        break;
      case 'ForStatement':
        this.into.loops.push({ start, end, ...(parts.init && { first: parts.init.loc! }) });
        break;
      case 'WhileStatement':
      case 'DoWhileStatement':
        this.into.loops.push({ start, end });
        break;
      case 'BlockStatement':
      case 'SwitchStatement':
        // It is disposed of at the end, as by a `finally`.
        if (declaresUsing(node)) around = { isHidden: true };
        break;
    }
    forEachChild(node, (child) => this.visit(child, around));
  }
}

function declaresUsing(node: Node): boolean {
  let declares = false;
  forEachChild(node, ({ type, kind }: Node & { kind?: string }) => {
    declares ||= type === 'VariableDeclaration' && /using/.test(kind ?? '');
  });
  return declares;
}

function forEachChild(node: Node, visit: (child: Node, key: string) => void): void {
  for (const [key, child] of Object.entries(node)) {
    if (key === 'loc') continue;
    if (Array.isArray(child)) {
      for (const each of child) if (isNode(each)) visit(each, key);
    } else if (isNode(child)) {
      visit(child, key);
    }
  }
}

const SHORT =
  /^(Literal|TemplateLiteral|TemplateElement|Identifier|PrivateIdentifier|ThisExpression|MemberExpression|ChainExpression|UnaryExpression|BinaryExpression|LogicalExpression|ConditionalExpression|ArrayExpression|ObjectExpression|Property|UpdateExpression|AssignmentExpression|SequenceExpression|ParenthesizedExpression|ArrowFunctionExpression|FunctionExpression)$/;

/** Nothing in it is called, but what conversions and getters call. */
function isShort(node: Node): boolean {
  if (!SHORT.test(node.type)) return false;
  if (isFunction(node)) return true;
  let all = true;
  forEachChild(node, (child) => {
    all &&= isShort(child);
  });
  return all;
}

/** Whether a parameter may make promises, before the function's body begins. */
function mayCall(node: Node): boolean {
  if (isFunction(node)) return false;
  if (/Call|New|Tagged|Await|Yield|Class|Import/.test(node.type)) return true;
  let some = false;
  forEachChild(node, (child) => {
    some ||= mayCall(child);
  });
  return some;
}
