// Providers whose probes come and go, as the packages have them that this one and @sonde/usdt stand
// in for, made of sonde's, whose probes are fixed. What a provider has when it is enabled is one of
// sonde's providers. What is added later is another one of the same name, of all that is added
// before the program's next turn, or before one of them fires: so a tracer that attaches by path
// finds few objects, and DTrace few providers, of which most systems take some thirty from a
// process. Probes of the same name and arguments are the same to tracers.
import { type Argument, int64, json, type ProbeSource, provider, string } from '@sonde/core';
import { log, MOST_NATIVE_ARGUMENTS } from '@sonde/core/internal';
import { attach } from './attach.js';
import { noteDefinition } from './functions.js';
import { functionName, moduleName, probeName, providerName } from './names.js';
import { type DynamicProbe, INACTIVE, illegalInvocation, type Native, own, setNative } from './probe.js';
import type { Kind } from './values.js';

export { DynamicProbe, illegalInvocation } from './probe.js';
export type { Kind } from './values.js';

/** The longest text, in bytes of UTF-8. */
const LIMIT = 2 ** 16 - 1;

/** By their place in a probe. All probes have these. */
const ARGUMENTS: Record<Kind, readonly Argument[]> = {
  int: numbered(int64),
  string: numbered((name) => string(name, { limit: LIMIT })),
  json: numbered((name) => json(name, { limit: LIMIT })),
};

function numbered(argument: (name: string) => Argument): Argument[] {
  return Array.from({ length: MOST_NATIVE_ARGUMENTS }, (_, index) => argument(`arg${index}`));
}

/** What a package lays down for its providers. */
export interface Options {
  /** For `DEBUG=sonde:<area>`. */
  area: string;
  /** DTrace's second name for the probes. */
  module?: string;
  /** How many arguments a probe may be given; those beyond are ignored. */
  mostArguments: number;
  /** Whether a provider may be enabled that has no probes yet. */
  mayBeEmpty: boolean;
  Probe: new () => DynamicProbe;
  /** What a type's name means. */
  kindOf(type: string): Kind;
}

/** A probe that was added and not removed. */
interface Member {
  probe: DynamicProbe;
  name: string;
  native: string;
  /** As many as tracers see. */
  kinds: readonly Kind[];
  /** What makes two probes of a provider one to tracers. */
  key: string;
  /** Where it is, while it is there for tracers. */
  batch: Batch | undefined;
}

/** What is there for tracers: one of sonde's providers. */
interface Batch {
  natives: ReadonlyMap<string, Native>;
  /** How many members are in it. */
  users: number;
  withdraw: () => void;
}

/** What the program let go of without disabling it is withdrawn, too. */
const collected = new FinalizationRegistry<Batch['withdraw']>((withdraw) => withdraw());

/** A provider whose probes are added one by one. */
export class DynamicProvider {
  readonly #options: Options;
  readonly #debug: ReturnType<typeof log>;
  readonly #name: string;
  readonly #native: string;
  readonly #module: string | undefined;
  readonly #members = new Map<DynamicProbe, Member>();
  /** Those that were added since, and are not connected yet. */
  readonly #pending = new Set<Member>();
  /** Where tracers find the probes, by their keys. */
  readonly #batches = new Map<string, Batch>();
  #isEnabled = false;
  #settlesLater = false;

  protected constructor(name: string, options: Options) {
    this.#options = options;
    this.#debug = log(options.area);
    this.#name = name;
    this.#native = providerName(name);
    this.#module = options.module === undefined ? undefined : moduleName(options.module);
    if (this.#native !== name) this.#debug('provider %s is %s to tracers', name, this.#native);
  }

  /** Whether a value is a provider, and not something else on which a method of one was called. */
  static isProvider(value: unknown): value is DynamicProvider {
    return typeof value === 'object' && value !== null && #members in value;
  }

  /**
   * Adds a probe, which is also the provider's property of that name from now on, whatever that was
   * before. Where the provider is enabled already, the probe is there for tracers at the program's
   * next turn, or when it is fired, whichever comes first. Several probes may have one name; each
   * is a probe of its own, and those of the same arguments are one to tracers.
   *
   * @param name any name; what tracers cannot carry is mapped
   * @param types of the arguments. Those beyond the twelfth no backend carries, and they are not
   * converted.
   */
  addProbe(name: string, ...types: string[]): DynamicProbe {
    if (!DynamicProvider.isProvider(this)) throw illegalInvocation();
    const { Probe, kindOf, mostArguments } = this.#options;
    const given = typeof name === 'symbol' ? String(name) : `${name}`;
    const kinds = types.slice(0, mostArguments).map((type) => kindOf(typeNamed(type)));
    const probe = new Probe();
    const member = memberOf(probe, given, kinds.slice(0, MOST_NATIVE_ARGUMENTS));
    own(probe, { kinds: member.kinds, settle: () => this.#settle() });
    Object.defineProperty(probe, '__prov__', { value: this });
    // Defined and not set: a probe may be named __proto__.
    Reflect.defineProperty(this, given, { value: probe, configurable: true, enumerable: true, writable: true });
    if (member.native !== given) this.#debug('probe %s of %s is %s to tracers', given, this.#name, member.native);
    if (kinds.length > MOST_NATIVE_ARGUMENTS) {
      this.#debug(
        `probe %s of %s has %d arguments, of which tracers see the first ${MOST_NATIVE_ARGUMENTS}`,
        given,
        this.#name,
        kinds.length,
      );
    }
    this.#members.set(probe, member);
    if (this.#isEnabled) this.#connectLater(member);
    return probe;
  }

  /**
   * Makes the probes visible to tracers. Done already, it does nothing.
   *
   * @throws {Error} "no probes defined", if its package has that
   * @throws {SondeError} only under `SONDE_REQUIRE=1`, when the backend asked for cannot run or
   * load the provider
   */
  enable(): void {
    if (!DynamicProvider.isProvider(this)) throw illegalInvocation();
    if (this.#isEnabled) return;
    if (this.#members.size === 0 && !this.#options.mayBeEmpty) throw new Error('no probes defined');
    attach();
    try {
      this.#connect([...this.#members.values()]);
      this.#isEnabled = true;
    } catch (error) {
      // Only under SONDE_REQUIRE=1.
      this.disable();
      throw error;
    }
  }

  /**
   * Withdraws the probes: tracers no longer find them, and they do not fire. Done already, it does
   * nothing.
   */
  disable(): void {
    if (!DynamicProvider.isProvider(this)) throw illegalInvocation();
    this.#isEnabled = false;
    this.#pending.clear();
    const batches = new Set(this.#batches.values());
    this.#batches.clear();
    for (const member of this.#members.values()) {
      setNative(member.probe, INACTIVE);
      member.batch = undefined;
    }
    for (const batch of batches) withdraw(batch);
  }

  /** Whether it is one of this provider's probes, and was not removed. */
  protected static has(provider: DynamicProvider, value: unknown): value is DynamicProbe {
    return provider.#members.has(value as DynamicProbe);
  }

  /**
   * The probe no longer fires. Tools list it until the last one goes that became visible together
   * with it. Returns its name.
   */
  protected static remove(provider: DynamicProvider, probe: DynamicProbe): string {
    const member = provider.#members.get(probe)!;
    const { name, batch } = member;
    provider.#members.delete(probe);
    provider.#pending.delete(member);
    setNative(probe, INACTIVE);
    if (batch && --batch.users === 0) {
      for (const key of batch.natives.keys()) provider.#batches.delete(key);
      withdraw(batch);
    }
    return name;
  }

  #connectLater(member: Member): void {
    setNative(member.probe, undefined);
    this.#pending.add(member);
    if (this.#settlesLater) return;
    this.#settlesLater = true;
    queueMicrotask(() => {
      this.#settlesLater = false;
      this.#settle();
    });
  }

  #settle(): void {
    const pending = [...this.#pending];
    this.#pending.clear();
    try {
      this.#connect(pending);
    } catch (error) {
      // Only under SONDE_REQUIRE=1; here is nobody who expects it.
      this.#debug('probes that were added to %s are inactive: %s', this.#name, error);
      for (const { probe, batch } of pending) if (!batch) setNative(probe, INACTIVE);
    }
  }

  /** Finds these probes among what is there, and makes what is not. */
  #connect(members: readonly Member[]): void {
    try {
      for (const batch of this.#missing(members)) this.#define(batch);
    } finally {
      for (const member of members) this.#join(member);
    }
  }

  /**
   * Those that are to be made, of one key one. Of one name, tracers can take only one from a
   * provider of sonde's.
   */
  #missing(members: readonly Member[]): Member[][] {
    const keys = new Map<string, Set<string>>();
    const batches: Member[][] = [];
    for (const member of members) {
      const { native, key } = member;
      const others = keys.get(native) ?? new Set();
      keys.set(native, others);
      if (this.#batches.has(key) || others.has(key)) continue;
      batches[others.size] ??= [];
      batches[others.size]!.push(member);
      others.add(key);
    }
    return batches;
  }

  #join(member: Member): void {
    const batch = this.#batches.get(member.key);
    if (!batch) return;
    batch.users++;
    member.batch = batch;
    setNative(member.probe, batch.natives.get(member.key));
  }

  #define(members: readonly Member[]): void {
    const { suffix, forget } = noteDefinition(
      JSON.stringify([this.#native, this.#module]),
      JSON.stringify(members.map(({ key }) => key)),
      members.map(({ native }) => native),
    );
    const source = Object.fromEntries(
      members.map(({ key, name, native, kinds }): [string, ProbeSource] => [
        key,
        {
          name: native,
          arguments: kinds.map((kind, index) => ARGUMENTS[kind][index]!),
          function: functionName(name) + suffix,
        },
      ]),
    );
    const batch = define(this.#native, this.#module, source, forget);
    for (const { key } of members) this.#batches.set(key, batch);
  }
}

/** Apart from the provider, which nothing here may keep alive. */
function define(
  name: string,
  module: string | undefined,
  source: Record<string, ProbeSource>,
  forget: () => void,
): Batch {
  try {
    const made = provider(name, source, module === undefined ? {} : { module });
    const batch: Batch = {
      natives: new Map(Object.entries(made) as [string, Native][]),
      users: 0,
      withdraw() {
        made.unload();
        forget();
      },
    };
    collected.register(batch, batch.withdraw, batch);
    return batch;
  } catch (error) {
    forget();
    throw error;
  }
}

function withdraw(batch: Batch): void {
  collected.unregister(batch);
  batch.withdraw();
}

/** A key is never `unload`, which is a provider's own. */
function memberOf(probe: DynamicProbe, name: string, kinds: readonly Kind[]): Member {
  const native = probeName(name);
  return { probe, name, native, kinds, key: [native, ...kinds].join(' ').concat(' '), batch: undefined };
}

/** What anything is as the name of a type. */
function typeNamed(type: unknown): string {
  try {
    return String(type);
  } catch {
    return '';
  }
}
