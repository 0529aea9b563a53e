// Probes in a program's functions, put into their source text. Only ever inserted: nothing of the program's own text is changed or moved,
// and no line is added, so lines stay what they were (columns do not). What is inserted names one global, `__sonde` (firing.ts), and so needs
// neither imports nor room at the top of a module, which a function that is called in a cycle of imports would find empty.
//
//     function deliver(mail) {                 function deliver(mail) {let $0=CHECK?__sonde.i(7):0,$1;
//       if (!mail) return;              →        if (!mail) {$0!==0&&($0=__sonde.o(7,$0));return;}
//       return write(mail);                      return($1=(0,write(mail)),$0!==0&&($0=__sonde.o(7,$0)),$1);
//     }                                        }
//
// CHECK is true while a tracer is attached. `$0` is 0, or when the call began. `(0,…)`: a function without a name would else take `$1` for
// its own. `exact` puts `try{…}finally{$0!==0&&__sonde.t(7,$0)}` around it. There, a `return` that a `finally` of the program's follows only sets
// `$2`, and the outermost one tells; what the program's own throws is no return any more:
//
//     try { return a }                         try { return($1=(0,a),$2=1,$1) }
//     finally { b() }                   →      finally {let $3=$2;$2=0; b() ;$2=$3}
import { createRequire } from 'node:module';
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

/** The global, and the beginning of every name that is inserted. A source that has it in its text is left as it is. */
export const MARK = '__sonde';

export type Returns = 'exact' | 'fast' | 'none';

export interface InstrumentOptions {
  /** How the parser takes the source. Where it is not known, it is tried. */
  kind?: 'commonjs' | 'module' | undefined;
  /**
   * Which ends of a function are told. `exact`: all. `fast`: not when it throws, nor when a generator is closed by who consumes it. `none`:
   * its entry alone.
   */
  returns: Returns;
  /** The first function's id; the others' follow. */
  firstId: number;
  /** An expression: true while somebody traces. */
  check: string;
  /** Leaves out functions that may be waiting: asynchronous ones, and generators. */
  skipsWaiting?: boolean;
}

/** A function of a file. */
export interface FunctionPlace {
  /** As V8 names it in stacks: `deliver`, `MailServer.deliver`, `new MailServer`, `MailServer.get size`, `(anonymous)`. */
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
const INSERTED = /\/\*__sonde\*\/.*?(?:\/\*\*\/|$)/g;

/** The program's own text again, of all or of a part. */
export function withoutInsertions(text: string): string {
  return text.replace(INSERTED, '');
}

let acorn: typeof import('acorn') | undefined;
let isLoading = false;

function parse(source: string, kind: InstrumentOptions['kind']): Node {
  if (isLoading) throw new Error('it is the parser that finds functions, and was loaded for that');
  const { parse } = parser();
  const locations = { ecmaVersion: 'latest', allowHashBang: true, locations: true } as const;
  const asModule = () => parse(source, { ...locations, sourceType: 'module' });
  const asScript = () => parse(source, { ...locations, sourceType: 'script', allowReturnOutsideFunction: true });
  if (kind === 'module') return asModule();
  try {
    return asScript();
  } catch (error) {
    if (kind === 'commonjs') throw error;
    return asModule();
  }
}

/** Loaded when it is needed: where all that a program loads is in the cache, it is not. */
function parser(): typeof import('acorn') {
  if (acorn) return acorn;
  isLoading = true;
  try {
    const require = createRequire(import.meta.url);
    const path = require.resolve('acorn');
    const isTheirs = path in require.cache;
    acorn = require(path) as typeof import('acorn');
    // A program may look at what it has loaded.
    if (!isTheirs) Reflect.deleteProperty(require.cache, path);
  } finally {
    isLoading = false;
  }
  return acorn;
}

/** What must be known of a function before its body may become a block. */
interface Scope {
  node: FunctionNode;
  id: number;
  /** Of `var`s, and of functions declared in blocks, which sloppy code hoists. */
  varNames: Set<string>;
  hasEval: boolean;
  /** How many `try` statements of the function with a `finally` are around what is visited. */
  tries: number;
  /** What is inserted where the function is told by its outermost `finally`: by whether there is one. */
  late: { insertion: Insertion; exact: string; otherwise: string }[];
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

  constructor(source: string, options: InstrumentOptions) {
    this.source = source;
    this.options = options;
  }

  result(): string {
    // What is inserted at one place stays in the order in which it came: that of a walk through the tree, outer first on its way in, and
    // last on its way out.
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
    this.note(node);
    if (type === 'ClassDeclaration' || type === 'ClassExpression') className = nameOf(node) ?? hint ?? '(anonymous)';
    if (type === 'ReturnStatement') {
      this.visitReturn(node as ReturnStatement, className);
      return;
    }
    if (type === 'TryStatement' && (node as TryStatement).finalizer) {
      this.visitTry(node as TryStatement, className);
      return;
    }
    this.visitChildren(node, className);
  }

  private visitTry({ block, handler, finalizer }: TryStatement, className: string): void {
    const { scope } = this;
    if (scope) scope.tries++;
    this.visit(block, undefined, className);
    if (handler) this.visit(handler, undefined, className);
    if (scope) scope.tries--;
    this.insertLate(finalizer!.start + 1, `let ${SAVED}=${RETURNS};${RETURNS}=0;`, '');
    this.visit(finalizer!, undefined, className);
    this.insertLate(finalizer!.end - 1, `;${RETURNS}=${SAVED}`, '');
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
    if (this.options.skipsWaiting && (node.async || node.generator)) {
      this.visitChildren(node as Node, className);
      return;
    }
    const id = this.options.firstId + this.functions.length;
    const { line, column } = node.loc!.start;
    this.functions.push({ name: nameOf(node) ?? hint ?? '(anonymous)', line, column });
    const scope: Scope = { node, id, varNames: new Set(), hasEval: false, tries: 0, late: [] };
    this.scope = scope;
    for (const parameter of node.params) this.visit(parameter, undefined, className);
    if (node.body.type === 'BlockStatement') this.visitBody(scope, node.body.body, className);
    else this.visitExpressionBody(scope, node as ArrowFunctionExpression, className);
    this.scope = outer;
    // A direct eval sees, and may declare in, every function around it.
    if (outer && scope.hasEval) outer.hasEval = true;
  }

  private visitBody(scope: Scope, statements: Statement[], className: string): void {
    const { node, id } = scope;
    const { returns } = this.options;
    const begin = node.body.start + 1;
    const end = node.body.end - 1;
    const last = directivesOf(statements).at(-1);
    const entry = { at: last?.end ?? begin, text: '' };
    this.insertions.push(entry);
    for (const statement of statements) this.visit(statement, undefined, className);
    const isExact = returns === 'exact' && mayBecomeBlock(scope, statements);
    const { late } = scope;
    for (const { insertion, exact, otherwise } of late) {
      const text = isExact ? exact : otherwise;
      insertion.text = text && marked(text);
    }
    const isLate = isExact && late.length > 0;
    entry.text = marked(`${last ? ';' : ''}${this.entry(id, isLate)}${isExact ? 'try{' : ''}`);
    if (returns === 'none') return;
    const final = statements.at(-1)?.type;
    const leave = final === 'ReturnStatement' || final === 'ThrowStatement' ? '' : `;${leaving('o', id)}`;
    this.insert(end, leave + (isExact ? this.caught(node, id, isLate) : ''));
  }

  private visitExpressionBody({ id, node }: Scope, arrow: ArrowFunctionExpression, className: string): void {
    const { returns, check } = this.options;
    const begin = this.endOfArrow(arrow);
    if (returns === 'none') {
      // Nothing at its end: V8's LiveEdit would take that for a change of the function around it.
      this.insert(begin, `(${check})&&${MARK}.l(${id})?0:`);
      this.visit(arrow.body, undefined, className);
      return;
    }
    const isExact = returns === 'exact';
    this.insert(begin, `{${this.entry(id, false)}${isExact ? 'try{' : ''}return(${VALUE}=(0,`);
    this.visit(arrow.body, undefined, className);
    const caught = isExact ? this.caught(node, id, false) : '';
    this.insert(arrow.end, `),${this.leavingWith(node, id)},${VALUE})${caught}}`);
  }

  private caught({ async }: FunctionNode, id: number, isLate: boolean): string {
    const threw = `${MARK}.t(${id},${TOKEN})`;
    const returned = async ? `${MARK}.p(${id},${TOKEN},${VALUE})` : `${MARK}.o(${id},${TOKEN})`;
    return `}finally{${TOKEN}!==0&&${isLate ? `(${RETURNS}?${returned}:${threw})` : threw}}`;
  }

  private visitReturn(node: ReturnStatement, className: string): void {
    const { scope } = this;
    // At the top of a CommonJS module: no function that the program wrote.
    if (!scope || this.options.returns === 'none') {
      this.visitChildren(node, className);
      return;
    }
    if (!node.argument) {
      // With a value, were it undefined, an async generator would wait for it.
      this.insertReturn(node.start, `{${VALUE}=void 0,${RETURNS}=1;`, `{${leaving('o', scope.id)};`);
      this.insert(node.end, '}');
      return;
    }
    const hasSemicolon = this.source[node.end - 1] === ';';
    this.insert(node.start + 'return'.length, `(${VALUE}=(0,`);
    this.visit(node.argument, undefined, className);
    this.insertReturn(
      node.end - (hasSemicolon ? 1 : 0),
      `),${RETURNS}=1,${VALUE})`,
      `),${this.leavingWith(scope.node, scope.id)},${VALUE})`,
    );
  }

  /** @param late where the outermost `finally` tells of it */
  private insertReturn(at: number, late: string, atOnce: string): void {
    if (this.scope!.tries > 0) this.insertLate(at, late, atOnce);
    else this.insert(at, atOnce);
  }

  private entry(id: number, isLate: boolean): string {
    const { check, returns } = this.options;
    if (returns === 'none') return `(${check})&&${MARK}.l(${id});`;
    return `let ${TOKEN}=${check}?${MARK}.i(${id}):0,${VALUE}${isLate ? `,${RETURNS}=0` : ''};`;
  }

  /** Of an async function, a value may be a promise that settles later. */
  private leavingWith({ async }: FunctionNode, id: number): string {
    return async ? leaving('p', id, `,${VALUE}`) : leaving('o', id);
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
    if (text !== '') this.insertions.push({ at, text: marked(text) });
  }

  private insertLate(at: number, exact: string, otherwise: string): void {
    if (!this.scope || this.options.returns === 'none') return;
    const insertion = { at, text: '' };
    this.insertions.push(insertion);
    this.scope.late.push({ insertion, exact, otherwise });
  }
}

const TOKEN = `${MARK}0`;
const VALUE = `${MARK}1`;
const RETURNS = `${MARK}2`;
const SAVED = `${MARK}3`;

/** That go on to the end of their line, the old ones in HTML too. */
const COMMENTS = ['//', '<!--', '-->'];

const marked = (text: string) => BEGIN + text + END;

const leaving = (how: 'o' | 'p', id: number, more = '') =>
  `${TOKEN}!==0&&(${TOKEN}=${MARK}.${how}(${id},${TOKEN}${more}))`;

function endOfLine(source: string, from: number): number {
  const found = /[\n\r\u2028\u2029]/.exec(source.slice(from));
  return found ? from + found.index : source.length;
}

/**
 * Whether a function's body is the same in a block. In one, the functions that it declares at its top are like `let`: of each name there may
 * be only one, none that is also a parameter's or a `var`'s, and none that a direct eval might declare.
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

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';

const nameOf = (node: object): string | undefined => (node as { id?: { name?: string } | null }).id?.name;

/** The name that a function or class without one takes as this child of a node. */
function hintFor(node: Node, key: string, className: string): string | undefined {
  const parts = node as unknown as Record<string, Node & { name?: string }> & {
    kind?: string;
    computed?: boolean;
    static?: boolean;
  };
  switch (node.type) {
    case 'VariableDeclarator':
      return key === 'init' ? parts.id!.name : undefined;
    case 'AssignmentExpression':
      return key === 'right' ? memberName(parts.left!) : undefined;
    case 'AssignmentPattern':
      return key === 'right' ? parts.left!.name : undefined;
    case 'ExportDefaultDeclaration':
      return 'default';
    case 'Property':
    case 'MethodDefinition':
    case 'PropertyDefinition': {
      if (key !== 'value') return undefined;
      const accessor = parts.kind === 'get' || parts.kind === 'set' ? `${parts.kind} ` : '';
      if (parts.kind === 'constructor') return `new ${className}`;
      const name = accessor + (keyName(parts.key!, parts.computed === true) ?? '(anonymous)');
      return node.type === 'Property' ? name : `${className}.${name}`;
    }
    default:
      return undefined;
  }
}

function memberName(left: Node & { name?: string }): string | undefined {
  if (left.type !== 'MemberExpression') return left.name;
  const { property, computed } = left as unknown as { property: Node; computed: boolean };
  return keyName(property, computed);
}

function keyName(key: Node, computed: boolean): string | undefined {
  const { type, name, value } = key as Node & { name?: string; value?: unknown };
  if (type === 'Literal') return String(value);
  if (type === 'PrivateIdentifier') return `#${name}`;
  return computed ? undefined : name;
}
