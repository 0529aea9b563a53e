// Replaces `sonde` and `@sonde/core` in a stripped bundle, for the uses that stay: the same names,
// no checks, and probes that never fire. The file holds nothing but functions, since every bundler
// leaves out functions that nobody uses.

type Source = Readonly<Record<string, unknown>>;

export function provider(_name: string, source: Source): object {
  const made = {};
  for (const [key, value] of Object.entries(source)) {
    const isOperation = (value as { isOperation?: boolean }).isOperation === true;
    Object.defineProperty(made, key, { value: isOperation ? makeOperation() : makeProbe(), enumerable: true });
  }
  for (const key of ['unload', Symbol.dispose]) Object.defineProperty(made, key, { value: () => {} });
  return made;
}

/**
 * The methods are inherited, so that a program which prints or copies a probe sees the same as with
 * sonde.
 */
function makeProbe(): object {
  return Object.create({ enabled: false, fire() {}, fireWith() {} });
}

function makeOperation(): object {
  const methods = {
    enabled: false,
    run: (_start: unknown, work: () => unknown) => work(),
    runCallback: (_start: unknown, work: (callback: unknown) => unknown, callback: unknown) => work(callback),
  };
  return Object.assign(Object.create(methods), { start: makeProbe(), done: makeProbe(), error: makeProbe() });
}

export function operation(source: Source = {}): object {
  return { ...source, isOperation: true };
}

function argument(name: string): object {
  return { name };
}

export {
  argument as boolean,
  argument as bytes,
  argument as int8,
  argument as int16,
  argument as int32,
  argument as int64,
  argument as json,
  argument as stack,
  argument as string,
  argument as uint8,
  argument as uint16,
  argument as uint32,
  argument as uint64,
};

export function status(): object {
  return { backend: 'noop', requested: 'noop', reason: 'the probes were removed by @sonde/strip', providers: [] };
}

/** Nothing throws it: `error instanceof DefinitionError` is false. */
export function DefinitionError(): void {}

export { DefinitionError as SondeError };

// For packages that extend sonde.

function nothing(): void {}

export function log(): () => void {
  return nothing;
}

function no(): boolean {
  return false;
}

function none(): unknown[] {
  return [];
}

function text(value: unknown): string {
  return String(value);
}

export {
  no as isAllowed,
  no as isRecording,
  none as moduleSearchRoots,
  none as watched,
  nothing as applicationManifest,
  nothing as captureStacksWith,
  nothing as follow,
  nothing as loadOwnFile,
  nothing as registerBackends,
  nothing as removeLoader,
  nothing as stubOf,
  nothing as variable,
  nothing as watchProbes,
  text as messageOf,
  text as printable,
  text as show,
};
