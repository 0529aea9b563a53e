// The package `usdt` (node-usdt), with sonde behind it: what it exports, takes, returns and throws.
// README.md tells where it differs.
import { DynamicProbe, DynamicProvider, type Kind } from '@sonde/dtrace-provider/dynamic';

/** As libstapsdt has it. */
const MOST_ARGUMENTS = 6;

/** A probe, as {@link USDTProvider.addProbe} makes it. */
class USDTProbe extends DynamicProbe {
  /** The provider that it was added to, which lives as long as the probe. */
  declare readonly __prov__: USDTProvider;
}

export type { USDTProbe };

/** A provider. Its probes are visible to tracers while it is enabled. */
export class USDTProvider extends DynamicProvider {
  /**
   * @param name any name; what tracers cannot carry is mapped (README.md)
   * @throws {TypeError} "Must give provider name as argument" when it is not a string
   */
  constructor(name: string) {
    if (typeof name !== 'string') throw new TypeError('Must give provider name as argument');
    super(name, { area: 'usdt', mostArguments: MOST_ARGUMENTS, mayBeEmpty: true, Probe: USDTProbe, kindOf });
  }

  /**
   * Adds a probe, which is also the provider's property of that name from now on, whatever that was
   * before. Where the provider is enabled already, the probe is there for tracers at the program's
   * next turn, or when it is fired, whichever comes first.
   *
   * @param name any name; what tracers cannot carry is mapped: `log-info` is `log__info`
   * @param types of up to six arguments: `char *`, a text; C's integers (`int`, `uint64`, `long`),
   * which tracers see as 64 bits with a sign;
   *   anything else is a text
   */
  override addProbe(name: string, ...types: string[]): USDTProbe {
    return super.addProbe(name, ...types) as USDTProbe;
  }
}

/**
 * The original looks at values only, and has `char *` for a text and any other type for a word of
 * memory.
 */
function kindOf(type: string): Kind {
  if (type.startsWith('json')) return 'json';
  return /^(u?int|unsigned|signed|long|short|size_t|bool)/.test(type) && !type.includes('*') ? 'int' : 'string';
}
