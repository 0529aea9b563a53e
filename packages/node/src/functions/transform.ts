// Probes in a program's functions, put into their source text. Only ever inserted: nothing of the
// program's own text is changed or moved, and no line is added, so lines stay what they were
// (columns do not). What is inserted names one global, `__sonde` (firing.ts), and so needs neither
// imports nor room at the top of a module, which a function that is called in a cycle of imports
// would find empty.
//
//     function deliver(mail) {                 function deliver(mail) {let $0,$1;if(CHECK)try{($0)=new __sonde.call(7)}catch{}
//       if (!mail) return;              →        if (!mail) {$0&&new __sonde.call($0,'done');return;}
//       return write(mail);                      return(($1)=(write(mail)),$0&&new __sonde.call($0,'done'),$1);
//     }                                        }
//
// CHECK is true while a tracer is attached. `$0` is the call that began then, and where there is
// one, there is room on the stack for the other end (firing.ts). At the entry there may be none
// although the function itself has enough, hence the `try`.
//
// `exact` puts `try{…}finally{if($0)try{new __sonde.call($0,'leave')}catch{}}` around it. There, a
// `return` that a `finally` of the program's follows only notes that the function is to return, and
// the outermost one tells; what the program's own throws is no return any more:
//
//     try { return a }                         try { return(($1)=(a),$0&&new __sonde.call($0,'later'),$1) }
//     finally { b() }                   →      finally {if($0)try{new __sonde.call($0,'begin',0)}catch{} b() ;if($0)try{new __sonde.call($0,'end',0)}catch{}}
//
// V8 gives a function that has no name one for stacks, by what is around it in the source, and what
// is inserted must not be such. While it reads on, it keeps functions without names, and the names
// that it comes by. An assignment, or a variable with a value, gives all of those functions all of
// those names; a call takes one function off. `new`, tags of templates, and the head of `for` do
// neither; and what is left of an assignment is no name when it is in parentheses. So the above is
// inserted where V8 can keep no function, and where it may, a value goes into an array, or into a
// template if it must be known:
//
//     then(() => 1, () => a)            →      then(() => 1, () => {…;return[(a),$0&&new __sonde.call($0,'done')][0]})
//     then(() => 1, async () => a)      →      then(() => 1, async () => {…;return(__sonde.settles)`${$0}${a}`})
//     then((a) => (b) => a)             →      then((a) => {…;return($0&&new __sonde.call($0,'done'),(b) => {…})})
import type {
  ArrowFunctionExpression,
  ExpressionStatement,
  Function as FunctionNode,
  Node,
  Pattern,
  ReturnStatement,
  Statement,
  TryStatement,
} from 'acorn';
import { ANONYMOUS, hintFor, isClass, isNode, nameOf } from './names.js';
import { type Kind, parse } from './parse.js';

/**
 * The global, and the beginning of every name that is inserted. A source that has it in its text is
 * left as it is.
 */
export const MARK = '__sonde';

export type Returns = 'exact' | 'fast';

export interface InstrumentOptions {
  /** How the parser takes the source. Where it is not known, it is tried. */
  kind?: Kind;
  /**
   * Which ends of a function are told. `exact`: all. `fast`: not when it throws, nor when a
   * generator is closed by who consumes it.
   */
  returns: Returns;
  /** The first function's id; the others' follow. */
  firstId: number;
  /** An expression: true while somebody traces. */
  check: string;
}

/** A function of a file. */
export interface FunctionPlace {
  /**
   * As V8 names it in stacks: `deliver`, `MailServer.deliver`, `new MailServer`,
   * `MailServer.get size`, `(anonymous)`.
   */
  name: string;
  /** Where its text begins: from 1. */
  line: number;
  /** From 0. */
  column: number;
}

export interface Instrumented {
  code: string;
  /** In the order of their ids. */
  functions: FunctionPlace[];
}

/**
 * @returns undefined where the source has no function, or `__sonde` in its text
 * @throws {SyntaxError} where the source cannot be parsed
 * @throws {Error} where it has a `with` statement
 */
export function instrument(source: string, options: InstrumentOptions): Instrumented | undefined {
  if (source.includes(MARK)) return undefined;
  const transform = new Transform(source, options);
  transform.visit(parse(source, options.kind), undefined, '');
  if (transform.functions.length === 0) return undefined;
  return { code: transform.result(), functions: transform.functions };
}

const BEGIN = `/*${MARK}*/`;
const END = '/**/';
/** The text of an arrow may end with what was inserted, before the second mark. */
const INSERTED = /\/\*__sonde\*\/.*?(?:\/\*\*\/|$)|\n\/\*__sonde\*\/\/\/.*/g;

/** The program's own text again, of all or of a part. */
export function withoutInsertions(text: string): string {
  return text.replace(INSERTED, '');
}

/**
 * Where in a line's own text something is inserted, and the length of all that is inserted in the
 * line up to there.
 */
export function insertionsIn(line: string): { column: number; length: number }[] {
  let length = 0;
  return Array.from(line.matchAll(INSERTED), ({ index, 0: text }) => {
    const column = index - length;
    length += text.length;
    return { column, length };
  });
}

/** Names another source map, the last. */
export const withSourceMap = (code: string, url: string): string => `${code}\n${BEGIN}//# sourceMappingURL=${url}`;

/** What must be known of a function before its body may become a block. */
interface Scope {
  node: FunctionNode;
  id: number;
  /** Of `var`s, and of functions declared in blocks, which sloppy code hoists. */
  varNames: Set<string>;
  hasEval: boolean;
  /**
   * How many `try` statements of the function with a `finally` are around what is visited, and how
   * many of such `finally`.
   */
  tries: number;
  finals: number;
  /**
   * What is inserted where the function is told by its outermost `finally`: by whether there is
   * one.
   */
  late: { insertion: Insertion; late: string; atOnce: string }[];
}

interface Insertion {
  at: number;
  text: string;
}

class Transform {
  readonly functions: FunctionPlace[] = [];
  private readonly insertions: Insertion[] = [];
  private readonly source: string;
  private readonly options: InstrumentOptions;
  private scope: Scope | undefined;
  /**
   * How many functions V8 may keep where the walk is, to name them: at least as many as it does.
   */
  private kept = 0;

  constructor(source: string, options: InstrumentOptions) {
    this.source = source;
    this.options = options;
  }

  result(): string {
    // What is inserted at one place stays in the order in which it came: that of a walk through the
    // tree, outer first on its way in, and last on its way out.
    const sorted = this.insertions.toSorted((a, b) => a.at - b.at);
    let code = '';
    let from = 0;
    for (const { at, text } of sorted) {
      code += this.source.slice(from, at) + text;
      from = at;
    }
    return code + this.source.slice(from);
  }

  /**
   * @param hint the name that a function without one takes here
   * @param className of the class around it
   */
  visit(node: Node, hint: string | undefined, className: string): void {
    const { type } = node;
    if (this.kept > 0 && (type === 'FunctionDeclaration' || type === 'ClassDeclaration')) {
      // V8 reads it by itself, when it is called.
      const { kept } = this;
      this.kept = 0;
      this.visit(node, hint, className);
      this.kept = Math.max(kept, this.kept);
      return;
    }
    if (type === 'FunctionDeclaration' || type === 'FunctionExpression' || type === 'ArrowFunctionExpression') {
      this.visitFunction(node as FunctionNode, hint, className);
      return;
    }
    if (type === 'StaticBlock') {
      // A function of its own, which is not told: nothing in it is of the one around it.
      const { scope } = this;
      this.scope = undefined;
      this.visitChildren(node, className);
      this.scope = scope;
      return;
    }
    if (type === 'WithStatement')
      throw new Error('it has a `with`, whose object may have an answer for any name, inserted ones too');
    if (type === 'CallExpression' && this.options.kind !== 'module' && exportsOther(node, this.source)) return;
    this.note(node);
    if (isClass(node)) className = nameOf(node) ?? hint ?? ANONYMOUS;
    if (type === 'ReturnStatement') this.visitReturn(node as ReturnStatement, className);
    else if (type === 'TryStatement' && (node as TryStatement).finalizer)
      this.visitTry(node as TryStatement, className);
    else this.visitChildren(node, className);
    this.kept = keptAfter(node, this.kept);
  }

  private visitTry({ block, handler, finalizer }: TryStatement, className: string): void {
    const { scope } = this;
    if (scope) scope.tries++;
    this.visit(block, undefined, className);
    if (handler) this.visit(handler, undefined, className);
    if (scope) scope.tries--;
    const depth = scope ? scope.finals++ : 0;
    this.insertLate(finalizer!.start + 1, `if(${TOKEN})try{${tell('begin', depth)}}catch{}`);
    this.visit(finalizer!, undefined, className);
    this.insertLate(finalizer!.end - 1, `;if(${TOKEN})try{${tell('end', depth)}}catch{}`);
    if (scope) scope.finals--;
  }

  private visitChildren(node: Node, className: string): void {
    for (const [key, child] of Object.entries(node)) {
      if (key === 'loc') continue;
      if (Array.isArray(child)) {
        for (const each of child) if (isNode(each)) this.visit(each, hintFor(node, key, className), className);
      } else if (isNode(child)) {
        this.visit(child, hintFor(node, key, className), className);
      }
    }
  }

  private note(node: Node): void {
    const { scope } = this;
    if (!scope) return;
    if (node.type === 'VariableDeclaration' && (node as { kind?: string }).kind === 'var') {
      for (const { id } of (node as unknown as { declarations: { id: Pattern }[] }).declarations)
        collectNames(id, scope.varNames);
    } else if (node.type === 'CallExpression') {
      const { callee } = node as unknown as { callee: Node & { name?: string } };
      if (callee.type === 'Identifier' && callee.name === 'eval') scope.hasEval = true;
    }
  }

  private visitFunction(node: FunctionNode, hint: string | undefined, className: string): void {
    const outer = this.scope;
    if (outer && node.type === 'FunctionDeclaration' && !isTopLevel(outer.node, node as Node)) {
      const name = nameOf(node);
      if (name !== undefined) outer.varNames.add(name);
    }
    // V8 compiles it ahead of time, as it was written or not at all.
    const directives = node.body.type === 'BlockStatement' ? directivesOf(node.body.body) : [];
    if (directives.some(({ directive }) => directive === 'use asm')) return;
    const id = this.options.firstId + this.functions.length;
    const { line, column } = node.loc!.start;
    this.functions.push({ name: nameOf(node) ?? hint ?? ANONYMOUS, line, column });
    const scope: Scope = { node, id, varNames: new Set(), hasEval: false, tries: 0, finals: 0, late: [] };
    this.scope = scope;
    const { kept } = this;
    const isCareful = this.kept > 0;
    for (const parameter of node.params) this.visit(parameter, undefined, className);
    if (node.body.type === 'BlockStatement') this.visitBody(scope, node.body.body, className, isCareful);
    else this.visitExpressionBody(scope, node as ArrowFunctionExpression, className, isCareful);
    this.kept = Math.max(kept, this.kept) + (nameOf(node) === undefined ? 1 : 0);
    this.scope = outer;
    // A direct eval sees, and may declare in, every function around it.
    if (outer && scope.hasEval) outer.hasEval = true;
  }

  private visitBody(scope: Scope, statements: Statement[], className: string, isCareful: boolean): void {
    const { node, id } = scope;
    const { returns } = this.options;
    const begin = node.body.start + 1;
    const end = node.body.end - 1;
    const last = directivesOf(statements).at(-1);
    const entry = { at: last?.end ?? begin, text: '' };
    this.insertions.push(entry);
    for (const statement of statements) this.visit(statement, undefined, className);
    const isExact = returns === 'exact' && mayBecomeBlock(scope, statements);
    for (const { insertion, late, atOnce } of scope.late) {
      const text = isExact ? late : atOnce;
      insertion.text = text && marked(text);
    }
    entry.text = marked(`${last ? ';' : ''}${this.entry(id, isCareful)}${isExact ? 'try{' : ''}`);
    const final = statements.at(-1)?.type;
    const leave = final === 'ReturnStatement' || final === 'ThrowStatement' ? '' : `;${leaving('done')}`;
    this.insert(end, leave + (isExact ? CAUGHT : ''));
  }

  private visitExpressionBody(
    { id, node }: Scope,
    arrow: ArrowFunctionExpression,
    className: string,
    isCareful: boolean,
  ): void {
    const isExact = this.options.returns === 'exact';
    const before = this.place(this.endOfArrow(arrow));
    this.visit(arrow.body, undefined, className);
    const around = this.around(arrow.body, node);
    before.text = marked(`{${this.entry(id, isCareful)}${isExact ? 'try{' : ''}return${around.before}`);
    this.insert(arrow.end, `${around.after}${isExact ? CAUGHT : ''}}`);
  }

  private visitReturn(node: ReturnStatement, className: string): void {
    const { scope } = this;
    // At the top of a CommonJS module: no function that the program wrote.
    if (!scope) {
      this.visitChildren(node, className);
      return;
    }
    if (!node.argument) {
      // With a value, were it undefined, an async generator would wait for it.
      this.fill(this.place(node.start), { late: `{${leaving('later')};`, atOnce: `{${leaving('done')};` });
      this.insert(node.end, '}');
      return;
    }
    const hasSemicolon = this.source[node.end - 1] === ';';
    const before = this.place(node.start + 'return'.length);
    this.visit(node.argument, undefined, className);
    const after = this.place(node.end - (hasSemicolon ? 1 : 0));
    const [atOnce, late] = [this.around(node.argument, scope.node), this.around(node.argument, scope.node, true)];
    this.fill(before, { late: late.before, atOnce: atOnce.before });
    this.fill(after, { late: late.after, atOnce: atOnce.after });
  }

  /**
   * What is put around a value that is returned, which was just visited.
   *
   * @param isLate whether the outermost `finally` tells of it
   */
  private around(value: Node, fn: FunctionNode, isLate = false): { before: string; after: string } {
    const how = isLate ? 'later' : fn.async ? 'settles' : 'done';
    if (this.kept === 0) {
      return { before: `((${VALUE})=(`, after: `),${leaving(how, ...(fn.async ? [VALUE] : []))},${VALUE})` };
    }
    // To make a function does nothing that anybody notices.
    if (isFunction(value)) return { before: `(${leaving(isLate ? 'later' : 'done')},`, after: ')' };
    if (!fn.async) return { before: '[(', after: `),${leaving(how)}][0]` };
    return { before: `(${MARK}.${isLate ? 'later' : 'settles'})\`\${${TOKEN}}\${`, after: '}`' };
  }

  private entry(id: number, isCareful: boolean): string {
    const { check } = this.options;
    const began = `new ${MARK}.call(${id})`;
    if (isCareful) return `let ${TOKEN},${VALUE};if(${check})try{for(${TOKEN} of ${began});}catch{}`;
    return `let ${TOKEN},${VALUE};if(${check})try{(${TOKEN})=${began}}catch{}`;
  }

  /** Behind `=>`. Between it and the parameters are parentheses, commas and comments. */
  private endOfArrow(arrow: ArrowFunctionExpression): number {
    const { source } = this;
    let at = arrow.params.at(-1)?.end ?? arrow.start;
    while (!source.startsWith('=>', at)) {
      if (source.startsWith('/*', at)) at = source.indexOf('*/', at) + 2;
      else if (COMMENTS.some((begin) => source.startsWith(begin, at))) at = endOfLine(source, at);
      else at++;
    }
    return at + 2;
  }

  private insert(at: number, text: string): void {
    if (text !== '') this.place(at).text = marked(text);
  }

  private insertLate(at: number, exact: string): void {
    this.scope?.late.push({ insertion: this.place(at), late: exact, atOnce: '' });
  }

  private place(at: number): Insertion {
    const insertion = { at, text: '' };
    this.insertions.push(insertion);
    return insertion;
  }

  /** @param texts `late` where the outermost `finally` of the function tells of it */
  private fill(insertion: Insertion, texts: { late: string; atOnce: string }): void {
    if (this.scope!.tries > 0) this.scope!.late.push({ insertion, ...texts });
    else insertion.text = marked(texts.atOnce);
  }
}

const TOKEN = `${MARK}0`;
const VALUE = `${MARK}1`;

const tell = (how: string, ...more: (string | number)[]) => `new ${MARK}.call(${[TOKEN, `'${how}'`, ...more]})`;

const leaving = (how: string, ...more: string[]) => `${TOKEN}&&${tell(how, ...more)}`;

const CAUGHT = `}finally{if(${TOKEN})try{${tell('leave')}}catch{}}`;

const marked = (text: string) => BEGIN + text + END;

/** That go on to the end of their line, the old ones in HTML too. */
const COMMENTS = ['//', '<!--', '-->'];

/**
 * Whether it is what transpilers write for what a CommonJS module exports of another. Node.js finds
 * names of exports by such texts, as they were written.
 */
function exportsOther(node: Node, source: string): boolean {
  const text = source.slice(node.start, node.end);
  return EXPORTS_ONE.test(text) || (EXPORTS_ALL.test(text) && /\bexports\b/.test(text));
}

const EXPORTS_ONE =
  /^Object\s*\.\s*defineProperty\s*\(\s*(?:module\s*\.\s*)?exports\s*,[^{}]*\{[^{}]*\bget\b[^{}]*\{\s*return\s+[\w$.[\]'"]+\s*;?\s*\}[^{}]*\}\s*\)$/;
const EXPORTS_ALL = /^Object\s*\.\s*keys\s*\(\s*[\w$]+\s*\)\s*\.\s*forEach\s*\(/;

/**
 * How many functions V8 may keep after this node, at whose end it keeps so many: by what it does
 * there with them.
 */
function keptAfter(node: Node, kept: number): number {
  const { type, right, init, id, operator } = node as Node &
    Partial<Record<'right' | 'init' | 'id', Node | null>> & {
      operator?: string;
    };
  const oneLess = Math.max(0, kept - 1);
  switch (type) {
    case 'CallExpression':
    // Methods have names: none was kept.
    case 'MethodDefinition':
      return oneLess;
    case 'AssignmentExpression':
      return isCall(right!) || !NAMING.includes(operator!) ? oneLess : 0;
    case 'VariableDeclarator':
      if (!init || id!.type !== 'Identifier') return kept;
      return isCall(init) ? oneLess : 0;
    case 'Property':
    case 'PropertyDefinition':
      return 0;
    // Its constructor, written or not.
    case 'ClassExpression':
      return nameOf(node) === undefined ? kept + 1 : kept;
    default:
      return kept;
  }
}

const NAMING = ['=', '||=', '&&=', '??='];

const isCall = ({ type }: Node) => /^(Call|New|TaggedTemplate)Expression$/.test(type);

const isFunction = ({ type }: Node) => type === 'FunctionExpression' || type === 'ArrowFunctionExpression';

function endOfLine(source: string, from: number): number {
  const found = /[\n\r\u2028\u2029]/.exec(source.slice(from));
  return found ? from + found.index : source.length;
}

/**
 * Whether a function's body is the same in a block. In one, the functions that it declares at its
 * top are like `let`: of each name there may be only one, none that is also a parameter's or a
 * `var`'s, and none that a direct eval might declare.
 */
function mayBecomeBlock({ node, varNames, hasEval }: Scope, statements: Statement[]): boolean {
  const declared = statements
    .map(withoutLabels)
    .flatMap((node) => (node.type === 'FunctionDeclaration' ? [nameOf(node)!] : []));
  if (declared.length === 0) return true;
  if (hasEval) return false;
  const taken = new Set([...varNames, 'arguments']);
  for (const parameter of node.params) collectNames(parameter, taken);
  return new Set(declared).size === declared.length && !declared.some((name) => taken.has(name));
}

function withoutLabels(statement: Statement): Statement {
  return statement.type === 'LabeledStatement' ? withoutLabels(statement.body) : statement;
}

const directivesOf = (statements: readonly Statement[]) =>
  statements.filter((statement): statement is ExpressionStatement & { directive: string } => 'directive' in statement);

const isTopLevel = ({ body }: FunctionNode, node: Node) =>
  body.type === 'BlockStatement' && (body.body as Node[]).includes(node);

function collectNames(pattern: Node, names: Set<string>): void {
  switch (pattern.type) {
    case 'Identifier':
      names.add((pattern as unknown as { name: string }).name);
      return;
    case 'ObjectPattern':
      for (const property of (pattern as unknown as { properties: (Node & { value?: Node })[] }).properties)
        collectNames(property.value ?? property, names);
      return;
    case 'ArrayPattern':
      for (const element of (pattern as unknown as { elements: (Node | null)[] }).elements)
        if (element) collectNames(element, names);
      return;
    case 'AssignmentPattern':
      collectNames((pattern as unknown as { left: Node }).left, names);
      return;
    case 'RestElement':
      collectNames((pattern as unknown as { argument: Node }).argument, names);
      return;
  }
}
