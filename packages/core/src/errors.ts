/**
 * Codes of the errors that sonde throws, each with the rule that was broken. They do not change
 * between versions.
 */
export type ErrorCode =
  /** A provider's name is not one that every tracer can carry. */
  | 'SONDE_PROVIDER_NAME'
  /** A probe's name, as given or as mapped for tracers, is not one that every tracer can carry. */
  | 'SONDE_PROBE_NAME'
  /** A module's or function's name is not one that DTrace can carry. */
  | 'SONDE_PLACE_NAME'
  /**
   * Two probes of one provider have the same name for tracers, or two arguments of one probe the
   * same name.
   */
  | 'SONDE_DUPLICATE'
  /** An argument's name is not a C identifier. */
  | 'SONDE_ARGUMENT_NAME'
  /** A definition holds something that is not what its place calls for. */
  | 'SONDE_DEFINITION'
  /** More native arguments than a probe can carry. */
  | 'SONDE_ARGUMENT_COUNT'
  /** An option of an argument is out of its range. */
  | 'SONDE_ARGUMENT_OPTION'
  /** `SONDE_BACKEND`, `SONDE_REQUIRE` or package.json's `sonde` has a value that means nothing. */
  | 'SONDE_CONFIG'
  /** A recorder was started while another was on. */
  | 'SONDE_RECORDER'
  /** The backend asked for cannot run, and `SONDE_REQUIRE=1` forbids to go on without it. */
  | 'SONDE_BACKEND';

/** A wrong definition: a mistake in the program, thrown at once by what defines probes. */
export class DefinitionError extends TypeError {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  override get name(): string {
    return `TypeError [${this.code}]`;
  }
}

/**
 * A configuration that cannot be met; thrown only under `SONDE_REQUIRE=1`, otherwise told by
 * `status().reason`.
 */
export class SondeError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  override get name(): string {
    return `SondeError [${this.code}]`;
  }
}

/** How a value is shown in an error's message: short, and never by running the value's own code. */
export function show(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return printable(JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value));
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'bigint':
      return `${value}n`;
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object';
    default:
      return `a ${typeof value}`;
  }
}

/**
 * A text without characters that a terminal takes for commands, or that end a line: paths and
 * settings that others have chosen stand in what is printed. Each is written as JavaScript writes
 * it, `\\x1b`.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be printed.
  return text.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029]/g, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`;
  });
}

/** The message of whatever was thrown. Never throws itself, whatever that is. */
export function messageOf(thrown: unknown): string {
  try {
    if (typeof thrown === 'object' && thrown !== null && 'message' in thrown) return String(thrown.message);
    return String(thrown);
  } catch {
    return 'something that cannot be shown was thrown';
  }
}
