// The package `dtrace-provider`, with sonde behind it: what it exports, takes, returns and throws,
// and what its properties are like. README.md tells where it differs.
import { variable } from '@sonde/core/internal';
import { attachOrThrow } from './attach.js';
import { DynamicProbe, DynamicProvider, illegalInvocation, type Kind } from './dynamic.js';

/** The original's USDT_ARG_MAX. */
const MOST_ARGUMENTS = 32;

// As the original, when its addon could not be loaded.
if (variable('NODE_DTRACE_PROVIDER_REQUIRE') === 'hard') attachOrThrow();

/** A probe, as {@link DTraceProvider.addProbe} makes it. */
class DTraceProbe extends DynamicProbe {
  /** The provider that it was added to, which lives as long as the probe. */
  declare readonly __prov__: DTraceProvider;
}

export type { DTraceProbe };

/** A provider. Its probes are visible to tracers while it is enabled. */
export class DTraceProvider extends DynamicProvider {
  /**
   * @param name any name; what tracers cannot carry is mapped (README.md)
   * @param module DTrace's second name for the probes; the name of the application's package where
   * it is left out
   * @throws {TypeError} "Must give provider name as argument", "Must give module name as argument"
   * when it is not a string
   * @throws {Error} "Expected only provider name and module as arguments"
   */
  constructor(name: string, module?: string);
  constructor(...args: unknown[]) {
    const [name, module] = args;
    if (typeof name !== 'string') throw new TypeError('Must give provider name as argument');
    if (args.length > 2) throw new Error('Expected only provider name and module as arguments');
    if (args.length === 2 && typeof module !== 'string') throw new TypeError('Must give module name as argument');
    super(name, {
      area: 'dtrace-provider',
      ...(typeof module === 'string' && { module }),
      mostArguments: MOST_ARGUMENTS,
      mayBeEmpty: false,
      Probe: DTraceProbe,
      kindOf,
    });
  }

  /**
   * Adds a probe, which is also the provider's property of that name from now on, whatever that was
   * before. Where the provider is enabled already, the probe is there for tracers at the program's
   * next turn, or when it is fired, whichever comes first.
   *
   * @param name any name; what tracers cannot carry is mapped. Tools on Linux know `log-info` as
   * `log__info`, DTrace as `log-info`
   * @param types of up to 32 arguments: `int`, a number, which tracers see as 64 bits; `char *`, a
   * text; `json`, any value, which tracers see
   *   as a text of its JSON; anything else is a text. Tracers see the first twelve.
   */
  override addProbe(name: string, ...types: string[]): DTraceProbe {
    return super.addProbe(name, ...types) as DTraceProbe;
  }

  /**
   * Removes a probe: it fires no longer, and the property of its name is deleted, unless that is
   * another probe by now. Tools list it until the last one goes that became visible together with
   * it.
   *
   * @returns true
   * @throws {TypeError} when it is not a probe, or not one of this provider
   */
  removeProbe(probe: DTraceProbe): true {
    if (!DynamicProvider.isProvider(this)) throw illegalInvocation();
    if (!DynamicProvider.has(this, probe)) {
      throw new TypeError('Must give a probe of this provider, which was not removed, as argument');
    }
    const name = DynamicProvider.remove(this, probe);
    if (!DynamicProvider.has(this, Reflect.getOwnPropertyDescriptor(this, name)?.value))
      Reflect.deleteProperty(this, name);
    return true;
  }

  /**
   * Fires the probe that is the property of that name: see {@link DTraceProbe.fire}.
   *
   * @returns undefined when there is no such probe; otherwise true, fired or not
   * @throws {TypeError} "Must give probe name as first argument", "Must give probe value callback
   * as second argument"
   */
  fire<Args extends readonly unknown[]>(
    name: string,
    callback: (this: DTraceProbe, ...args: Args) => unknown,
    ...args: Args
  ): true | undefined {
    if (!DynamicProvider.isProvider(this)) throw illegalInvocation();
    if (typeof name !== 'string') throw new TypeError('Must give probe name as first argument');
    if (typeof callback !== 'function') throw new TypeError('Must give probe value callback as second argument');
    const probe: unknown = Reflect.get(this, name);
    if (!DynamicProvider.has(this, probe)) return undefined;
    fireProbe.call(probe, callback as () => unknown, ...(args as readonly unknown[] as []));
    return true;
  }
}

const fireProbe = DynamicProbe.prototype.fire;

/**
 * Makes a provider. With two arguments, the second is its module; with more, it is ignored, as the
 * original does.
 *
 * @throws as {@link DTraceProvider}
 */
export function createDTraceProvider(...args: [name: string, module?: string]): DTraceProvider {
  return args.length === 2 ? new DTraceProvider(...args) : new DTraceProvider(args[0]);
}

/** By how it begins, as the original does: `integer` is an int, and `char*` is none of them. */
function kindOf(type: string): Kind {
  if (type.startsWith('json')) return 'json';
  if (type.startsWith('char *')) return 'string';
  return type.startsWith('int') ? 'int' : 'string';
}
