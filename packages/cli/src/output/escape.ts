/**
 * Makes any text safe for a terminal: control characters and what else a terminal would act on
 * (C1 controls, directions of writing, line separators, halves of surrogate pairs) become escapes
 * as JavaScript writes them. A text with spaces around or nothing in it is quoted.
 */
export function printable(text: string): string {
  return text.replace(ACTED_ON, escapeCharacter);
}

/** The same for a value that stands between others: quoted where it would not stay one word. */
export function printableValue(text: string): string {
  if (/^[^\s"'=,;]+$/u.test(text) && !hasActedOn(text)) return text;
  return `"${text.replace(/["\\]/g, '\\$&').replace(ACTED_ON, escapeCharacter)}"`;
}

const ACTED_ON =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function hasActedOn(text: string): boolean {
  ACTED_ON.lastIndex = 0;
  const is = ACTED_ON.test(text);
  ACTED_ON.lastIndex = 0;
  return is;
}

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  return SHORT[character] ?? (code < 256 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`);
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

/** A text in the languages that write it as C does. */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\t', '\\t').replaceAll('\r', '\\r')}"`;
}

/** One word for a shell. */
export function shellWord(text: string): string {
  return /^[\w./:=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
