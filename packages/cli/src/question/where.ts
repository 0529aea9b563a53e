// The condition of an event: `domain == "bank.example" && ns > 1ms`.
import { CommandError } from '../error.js';
import { type Argument, BUILT_IN, fullName, type Kind, type Probe } from '../model.js';
import { SUFFIXES } from './units.js';

export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=' | '~';

/** A condition, taken apart. */
export type Condition =
  | { type: 'and' | 'or'; left: Condition; right: Condition }
  | { type: 'not'; operand: Condition }
  | { type: 'comparison'; argument: string; operator: Operator; value: bigint | number | string | boolean };

/** The value of an argument of one event. */
export type Lookup = (argument: string) => bigint | number | string | boolean | undefined;

/**
 * Arguments are compared by `==`, `!=`, `<`, `<=`, `>`, `>=` with numbers (also in units: `1.5ms`,
 * `64KiB`), `true` and `false`; by `==`, `!=` and `~` (wildcards `*` and `?`) with texts in quotes.
 * `&&`, `||`, `!` and parentheses are as in C.
 *
 * @throws {CommandError} that shows where it is wrong
 */
export function parseCondition(text: string): Condition {
  return new Parser(text).whole();
}

/**
 * Whether a condition can be asked of a probe.
 *
 * @throws {CommandError} if an argument is compared with what it is not
 * @returns the first argument that the probe has not; undefined if it has all of them
 */
export function missingArgument(condition: Condition, probe: Probe): string | undefined {
  switch (condition.type) {
    case 'not':
      return missingArgument(condition.operand, probe);
    case 'and':
    case 'or':
      return missingArgument(condition.left, probe) ?? missingArgument(condition.right, probe);
    case 'comparison': {
      const argument = [...probe.arguments, ...BUILT_IN].find(({ name }) => name === condition.argument);
      if (!argument) return condition.argument;
      checkComparison(condition, argument, probe);
      return undefined;
    }
  }
}

/** Names of the arguments that it compares. */
export function argumentsOf(condition: Condition): string[] {
  switch (condition.type) {
    case 'not':
      return argumentsOf(condition.operand);
    case 'and':
    case 'or':
      return [...argumentsOf(condition.left), ...argumentsOf(condition.right)];
    case 'comparison':
      return [condition.argument];
  }
}

/** Whether it holds for an event. An argument that could not be read makes no comparison true. */
export function holds(condition: Condition, lookup: Lookup): boolean {
  switch (condition.type) {
    case 'not':
      return !holds(condition.operand, lookup);
    case 'and':
      return holds(condition.left, lookup) && holds(condition.right, lookup);
    case 'or':
      return holds(condition.left, lookup) || holds(condition.right, lookup);
    case 'comparison':
      return compare(lookup(condition.argument), condition.operator, condition.value);
  }
}

/** What `~` compares with: `*` for any characters, `?` for one. */
export function globToRegExp(glob: string): RegExp {
  const source = glob
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's');
}

function compare(actual: ReturnType<Lookup>, operator: Operator, wanted: bigint | number | string | boolean): boolean {
  if (actual === undefined) return false;
  if (typeof wanted === 'string') {
    if (typeof actual !== 'string') return false;
    if (operator === '~') return globToRegExp(wanted).test(actual);
    return (actual === wanted) === (operator === '==');
  }
  if (typeof actual === 'string') return false;
  const left = Number.isInteger(actual) || typeof actual === 'boolean' ? BigInt(actual) : (actual as bigint | number);
  const right = typeof wanted === 'boolean' ? BigInt(wanted) : wanted;
  switch (operator) {
    // A number never is a bigint of the same value, by ===.
    case '==':
      return left <= right && left >= right;
    case '!=':
      return left < right || left > right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    case '~':
      return false;
  }
}

const IS_NUMBER: Record<Kind, boolean> = {
  signed: true,
  unsigned: true,
  boolean: true,
  float: true,
  pointer: true,
  text: false,
  bytes: false,
};

function checkComparison(condition: Condition & { type: 'comparison' }, argument: Argument, probe: Probe): void {
  const { operator, value } = condition;
  const where = `${argument.name} of ${fullName(probe)} is ${/^[aeiou]/.test(argument.type) && !argument.type.startsWith('uint') ? 'an' : 'a'} ${argument.type}`;
  if (argument.kind === 'bytes') throw new CommandError('usage', `${where}, which cannot be compared`);
  if (IS_NUMBER[argument.kind] !== (typeof value !== 'string')) {
    const example = IS_NUMBER[argument.kind] ? `${argument.name} == 1` : `${argument.name} == "text"`;
    throw new CommandError(
      'usage',
      `${where}; compare it with ${IS_NUMBER[argument.kind] ? 'a number' : 'a text in quotes'}: ${example}`,
    );
  }
  if (!IS_NUMBER[argument.kind] && !['==', '!=', '~'].includes(operator)) {
    throw new CommandError('usage', `${where}, which is compared by ==, != and ~, not by ${operator}`);
  }
  if (IS_NUMBER[argument.kind] && operator === '~') {
    throw new CommandError('usage', `${where}; ~ compares texts`);
  }
}

/** Recursive descent, an operator of higher precedence in each step. */
class Parser {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  whole(): Condition {
    const condition = this.either();
    this.space();
    if (this.at < this.text.length) throw this.error('&&, || or the end is expected');
    return condition;
  }

  private either(): Condition {
    let left = this.both();
    while (this.take(/\|\|/y)) left = { type: 'or', left, right: this.both() };
    return left;
  }

  private both(): Condition {
    let left = this.single();
    while (this.take(/&&/y)) left = { type: 'and', left, right: this.single() };
    return left;
  }

  private single(): Condition {
    if (this.take(/!(?!=)/y)) return { type: 'not', operand: this.single() };
    if (this.take(/\(/y)) {
      const inner = this.either();
      if (!this.take(/\)/y)) throw this.error('a ) is missing');
      return inner;
    }
    const argument = this.take(/[A-Za-z_]\w*/y);
    if (argument === undefined) throw this.error("an argument's name is expected");
    const operator = this.take(/==|!=|<=|>=|<|>|~/y) as Operator | undefined;
    // `ok` alone is `ok != 0`.
    if (operator === undefined) {
      if (this.text[this.at] === '=') throw this.error('== compares; = alone is nothing here');
      return { type: 'comparison', argument, operator: '!=', value: 0n };
    }
    return { type: 'comparison', argument, operator, value: this.value() };
  }

  private value(): bigint | number | string | boolean {
    const quoted = this.take(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/sy);
    if (quoted !== undefined) return quoted.slice(1, -1).replace(/\\(.)/gs, (_, c: string) => ESCAPES[c] ?? c);
    const word = this.take(/(?:true|false)\b/y);
    if (word !== undefined) return word === 'true';
    const number = this.take(/-?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?)/y);
    if (number === undefined) throw this.error('a number, a text in quotes, true or false is expected');
    // Where the number ends it begins; \b would not see µ.
    const suffix = this.takeHere(/[A-Za-zµ]+/y);
    if (suffix !== undefined && !Object.hasOwn(SUFFIXES, suffix)) {
      throw this.error(`${suffix} is no unit; there are ${Object.keys(SUFFIXES).join(', ')}`);
    }
    return scaled(number, suffix === undefined ? 1n : SUFFIXES[suffix]!);
  }

  private take(pattern: RegExp): string | undefined {
    this.space();
    return this.takeHere(pattern);
  }

  private takeHere(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  private space(): void {
    while (/\s/.test(this.text[this.at] ?? '')) this.at++;
  }

  private error(rule: string): CommandError {
    this.space();
    return new CommandError('usage', `--where: ${rule}\n  ${this.text.replace(/\s/g, ' ')}\n  ${' '.repeat(this.at)}^`);
  }
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', 0: '\0' };

/** Exact wherever it is a whole number. */
function scaled(number: string, factor: bigint): bigint | number {
  const [whole, fraction = ''] = number.split('.') as [string, string?];
  if (fraction === '') return (whole.startsWith('-') ? -BigInt(whole.slice(1)) : BigInt(whole)) * factor;
  const numerator = BigInt(whole + fraction) * factor;
  const denominator = 10n ** BigInt(fraction.length);
  return numerator % denominator === 0n ? numerator / denominator : Number(number) * Number(factor);
}
