// The names of other people's providers and probes, made such that all tools can carry them.
// Nothing is refused. The same name always becomes the same one, and two names never meet: `marked`
// sees to that.
import {
  LONGEST_FUNCTION_NAME,
  LONGEST_MODULE_NAME,
  LONGEST_PROBE_NAME,
  LONGEST_PROVIDER_NAME,
  RESERVED_PROVIDER_NAMES,
} from '@sonde/core/internal';

/**
 * What a marked name ends in: forty-eight bits of a hash in letters, since a provider's name must
 * not end in a digit.
 */
const MARK_LENGTH = 12;
const MARK = new RegExp(`_x[a-p]{${MARK_LENGTH}}$`);
const DISTINCTION_LENGTH = 1 + MARK_LENGTH;

/** What DTrace takes in a module's or function's name. */
const PLACE = /^(?!\.\.?$)[a-zA-Z0-9_.$`-]+$/;

/**
 * A probe's name as notes hold it: `log-info` is `log__info`, which DTrace shows as `log-info`
 * again. `getfoo:bar` is `getfoo_bar_x` and twelve letters.
 */
export function probeName(name: string): string {
  return dashless(name, LONGEST_PROBE_NAME, (plain) => plain);
}

/**
 * A provider's name: as a probe's, but that one which ends in a digit gets a `_`, since DTrace
 * appends the process's id.
 */
export function providerName(name: string): string {
  if (RESERVED_PROVIDER_NAMES.includes(name)) return marked(name, LONGEST_PROVIDER_NAME);
  // One that ends in a digit and such a `_` already gets another: so it meets no other.
  return dashless(name, LONGEST_PROVIDER_NAME, (plain) => (/\d_*$/.test(plain) ? `${plain}_` : plain));
}

/** DTrace's second name for a probe. */
export function moduleName(name: string): string {
  if (PLACE.test(name) && name.length <= LONGEST_MODULE_NAME && !MARK.test(name)) return name;
  return marked(name, LONGEST_MODULE_NAME);
}

/**
 * DTrace's third name for a probe: its name, as the original has it, or what stands for it. There
 * is room for a {@link distinction} behind it.
 */
export function functionName(name: string): string {
  return PLACE.test(name) && name.length <= LONGEST_FUNCTION_NAME - DISTINCTION_LENGTH ? name : probeName(name);
}

/** What can stand behind a function's name, for a text that it comes from. */
export function distinction(text: string): string {
  return `-${hashed(text)}`;
}

function dashless(name: string, longest: number, complete: (plain: string) => string): string {
  const plain = complete(name.replaceAll('-', '__'));
  const fits = /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(plain) && plain.length <= longest;
  // A name that holds `__` itself would be that of another, with a dash; one that looks marked,
  // that of another which is.
  const isAlone = name.replaceAll('-', '__').replaceAll('__', '-') === name && !MARK.test(plain);
  return fits && isAlone ? plain : marked(name, longest);
}

/** What can be carried of a name, and a hash of all of it. */
function marked(name: string, longest: number): string {
  const mark = `_x${hashed(name)}`;
  const stem = name
    .replaceAll('-', '__')
    .replace(/[^a-zA-Z0-9_]+/g, '_')
    .replace(/^(?=\d)/, '_');
  return stem.slice(0, longest - mark.length).replace(/_+$/, '') + mark;
}

function hashed(text: string): string {
  // Loaded when it is needed, which is seldom: it takes milliseconds. UTF-16, since UTF-8 has one
  // character for all lone surrogates.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const digest = createHash('sha256').update(Buffer.from(text, 'utf16le')).digest('hex').slice(0, MARK_LENGTH);
  return [...digest].map((digit) => 'abcdefghijklmnop'[Number.parseInt(digit, 16)]).join('');
}
