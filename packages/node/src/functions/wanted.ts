// Functions by the names that somebody gave: `deliver`, `MailServer.deliver`, `MailServer.*`, those of
// a file, `src/server.ts:deliver`, or the one at a line, `src/server.ts:42`.

export interface Wanted {
  /** As it was given. */
  readonly name: string;
  /** Whether a function of this name, as V8 has it in stacks, is meant. False where a line is. */
  isNamed(functionName: string): boolean;
  /** Whether such a function may be in a source. */
  mayBeIn(source: string): boolean;
  /** The path of its file, or the end of that. */
  readonly file?: string;
  /** In that file, from 1. */
  readonly line?: number;
}

/** A path, with a slash or an extension, and what is meant in it. */
const IN_FILE = /^(.*[/\\].*|.+\.[cm]?[jt]sx?):(.+)$/s;
/** Of what is between wildcards, what an identifier may be made of. */
const WORD = /[\p{ID_Continue}$]+/gu;

/** @throws TypeError when it is no name */
export function wanted(name: string): Wanted {
  if (typeof name !== 'string' || name.trim() === '') {
    throw new TypeError(
      `${JSON.stringify(name)} is no name of a function: give deliver, MailServer.deliver, MailServer.*, src/server.ts:deliver or src/server.ts:42`,
    );
  }
  const [, file, rest = name] = IN_FILE.exec(name) ?? [];
  const inFile = file === undefined ? {} : { file };
  if (file !== undefined && /^\d+$/.test(rest)) {
    return { name, isNamed: () => false, mayBeIn: () => true, file, line: Number(rest) };
  }
  const pattern = new RegExp(`^${rest.split('*').map(literally).join('.*')}$`, 'su');
  const isQualified = rest.includes('.');
  const words = rest.match(WORD)?.filter((word) => !NO_TEXT.includes(word)) ?? [];
  return {
    name,
    isNamed: (functionName) => namesOf(functionName, isQualified).some((each) => pattern.test(each)),
    mayBeIn: isInSource(words.at(-1), rest),
    ...inFile,
  };
}

/**
 * Looks for a definition: to parse a source takes a hundred times as long. A name that nothing of a
 * pattern is next to is called, or is a property that is read, in more sources than define it.
 */
function isInSource(word: string | undefined, pattern: string): (source: string) => boolean {
  if (word === undefined) return () => true;
  if (pattern.includes(`*${word}`) || pattern.includes(`${word}*`)) return (source) => source.includes(word);
  const name = literally(word);
  const defines = new RegExp(
    `(?<![.\\w$])${name}\\s*[(:=]|class\\s+${name}\\b|\\b${name}['"\\]\\s]*=[^=>]|['"]${name}['"]\\s*[\\]:(]`,
    'u',
  );
  return (source) => source.includes(word) && defines.test(source);
}

/** Of names, but not of sources. */
const NO_TEXT = ['new', 'get', 'set', 'anonymous', 'default'];

const literally = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/**
 * The names that mean a function: of a method its own name, too; of a getter that of the property;
 * of a constructor, `MailServer.constructor`.
 */
function namesOf(name: string, isQualified: boolean): string[] {
  const names = [name];
  const plain = name.replace(/(^|\.)(get|set) /, '$1');
  if (plain !== name) names.push(plain);
  const constructs = /^new (.+)$/.exec(name);
  if (constructs) names.push(`${constructs[1]}.constructor`);
  if (isQualified) return names;
  return names.flatMap((each) => (each.includes('.') ? [each, each.slice(each.lastIndexOf('.') + 1)] : [each]));
}

/** Whether a path, or a URL, is the file, or ends with its path. */
export function isFile(path: string, file: string): boolean {
  const [is, wants] = [path, file].map((each) => each.replaceAll('\\', '/')) as [string, string];
  const end = wants.replace(/^(\.?\/)+/, '');
  return is === wants || is === end || is.endsWith(`/${end}`);
}
