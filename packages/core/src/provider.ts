/// <reference lib="esnext.disposable" preserve="true" />
import type { Argument, ArgumentValues } from './arguments.js';
import {
  checkDistinct,
  checkPlace,
  checkProviderName,
  defineProbe,
  type ProbeDefinition,
  type ProbeSource,
} from './definition.js';
import { DefinitionError, printable, show } from './errors.js';
import { LONGEST_MODULE_NAME } from './limits.js';
import { log } from './log.js';
import { defineOperation, isOperationSource, Operation, type OperationSource } from './operation.js';
import { createProbes, type Probe, type ProbeControl, watchable } from './probe.js';
import { enroll, type LoadResult, load, type RegisteredProvider } from './registry.js';

const debug = log('provider');

/** A provider's probes and operations by the names that the program uses. */
export type ProviderSource = Readonly<Record<string, ProbeSource | OperationSource>>;

export interface ProviderOptions {
  /**
   * DTrace's second name for the probes; the name of the application's package where it is left
   * out. At most 63 bytes.
   */
  readonly module?: string;
}

/** The values that a list of arguments takes when fired: one each, none for a stack. */
export type ValuesOf<Arguments extends readonly Argument[]> = Arguments extends readonly [
  infer First extends Argument,
  ...infer Rest extends readonly Argument[],
]
  ? First['type'] extends 'stack'
    ? ValuesOf<Rest>
    : [ArgumentValues[First['type']], ...ValuesOf<Rest>]
  : Arguments extends readonly []
    ? []
    : unknown[];

type Member<Source> =
  Source extends OperationSource<infer Start, infer Done>
    ? Operation<ValuesOf<Start>, ValuesOf<Done>>
    : Source extends readonly Argument[]
      ? Probe<ValuesOf<Source>>
      : Source extends { readonly arguments: infer Arguments extends readonly Argument[] }
        ? Probe<ValuesOf<Arguments>>
        : never;

export type Provider<Source extends ProviderSource = ProviderSource> = {
  readonly [Key in keyof Source]: Member<Source[Key]>;
} & {
  /**
   * Withdraws the provider: tracers no longer find it, and its probes stay silently disabled. More
   * than once is fine.
   */
  unload(): void;
  [Symbol.dispose](): void;
};

/**
 * Defines a provider and makes its probes visible to tracers.
 *
 * @param name `[a-zA-Z_][a-zA-Z0-9_]*`, at most 53 bytes, not ending in a digit, and not `pid`,
 * `objc` or `oneshot`
 * @param source its probes: for each, by the name that the program uses, a list of arguments,
 * `{ name, arguments }` with
 *   the name that tracers use, or an {@link operation}. Tracers know `sessionStart` as `session__start`, DTrace as
 *   `session-start`.
 * @param options what only DTrace knows of
 * @throws {DefinitionError} a TypeError with a `code`, when the definition is wrong
 * @throws {SondeError} only under `SONDE_REQUIRE=1`, when the backend asked for cannot run or load
 * the provider
 */
export function provider<const Source extends ProviderSource>(
  name: string,
  source: Source,
  options: ProviderOptions = {},
): Provider<Source> {
  checkProviderName(name);
  const members = define(name, source);
  const definition = { name, probes: members.flatMap(({ probes }) => probes), ...checkOptions(name, options) };
  checkDistinct(name, definition.probes);

  let current = load(definition);
  /** Who wants to know whether somebody traces. */
  const watches = new Set<() => void>();
  const tell = () => {
    for (const changed of [...watches]) changed();
  };
  let endWatch: (() => void) | undefined;
  const beginWatch = ({ loaded }: LoadResult) => {
    try {
      return loaded?.watch?.(tell);
    } catch (error) {
      debug('nobody notices tracers of %s: %o', name, error);
      return undefined;
    }
  };
  const registered: RegisteredProvider = {
    definition,
    replace(next) {
      const { loaded } = current;
      current = next;
      const code = next.loaded && watchable(next.loaded.code);
      controls.forEach((control, index) => {
        if (code) control.bind(code, next.loaded!.probes[index]!);
        else control.unbind();
      });
      endWatch?.();
      endWatch = watches.size > 0 ? beginWatch(next) : undefined;
      loaded?.unload();
      tell();
    },
    watch(changed) {
      // One may be given twice.
      const own = () => changed();
      watches.add(own);
      endWatch ??= beginWatch(current);
      return () => {
        if (!watches.delete(own) || watches.size > 0) return;
        endWatch?.();
        endWatch = undefined;
      };
    },
    status: () => status(name, current, controls),
  };
  const made = createProbes(registered, definition.probes, current.loaded);
  const controls = made.map(([, control]) => control);
  const result = {};
  let next = 0;
  for (const { key, probes, isOperation } of members) {
    const own = made.slice(next, next + probes.length);
    next += probes.length;
    const value = isOperation ? new Operation(own) : own[0]![0];
    Object.defineProperty(result, key, { value, enumerable: true });
  }
  const forget = enroll(registered);
  const unload = () => {
    forget();
    registered.replace({ reason: 'it was unloaded' });
  };
  Object.defineProperty(result, 'unload', { value: unload });
  Object.defineProperty(result, Symbol.dispose, { value: unload });
  return result as Provider<Source>;
}

function checkOptions(name: string, options: unknown): ProviderOptions {
  if (typeof options !== 'object' || options === null) {
    throw new DefinitionError(
      'SONDE_DEFINITION',
      `the options of provider ${show(name)} are ${show(options)}; give an object: { module: "mail" }, or leave them out`,
    );
  }
  const unknown = Object.keys(options).find((key) => key !== 'module');
  if (unknown !== undefined) {
    throw new DefinitionError(
      'SONDE_DEFINITION',
      `provider ${show(name)}: there is no option ${show(unknown)}; the option is module`,
    );
  }
  const { module } = options as ProviderOptions;
  if (module === undefined) return {};
  checkPlace(`module of provider ${show(name)}`, module, LONGEST_MODULE_NAME);
  return { module };
}

interface MemberDefinition {
  key: string;
  probes: ProbeDefinition[];
  isOperation: boolean;
}

function define(name: string, source: unknown): MemberDefinition[] {
  if (typeof source !== 'object' || source === null || Array.isArray(source)) {
    throw new DefinitionError(
      'SONDE_DEFINITION',
      `the probes of provider ${show(name)} are ${show(source)}; give an object: { sessionStart: [string("peer")] }`,
    );
  }
  const members = Object.entries(source).map(([key, value]) => {
    if (key === 'unload') {
      throw new DefinitionError(
        'SONDE_PROBE_NAME',
        'a probe is named "unload"; a provider\'s own method has that name: rename the probe, or give it as ' +
          '{ name: "unload", arguments } under another one',
      );
    }
    const isOperation = isOperationSource(value);
    return { key, isOperation, probes: isOperation ? defineOperation(key, value) : [defineProbe(key, value)] };
  });
  if (members.length === 0) {
    throw new DefinitionError('SONDE_DEFINITION', `provider ${show(name)} has no probes; define at least one`);
  }
  return members;
}

function status(name: string, { loaded, reason }: LoadResult, controls: readonly ProbeControl[]) {
  const location = loaded?.location;
  const newest = loaded?.newest;
  const why = reason ?? loaded?.reason;
  return {
    name,
    ...(location !== undefined && { location }),
    ...(newest !== undefined && { newest }),
    ...(why !== undefined && { reason: printable(why) }),
    probes: controls.map((control) => control.status()),
  };
}
