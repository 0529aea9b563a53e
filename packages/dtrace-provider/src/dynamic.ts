// Providers whose probes come and go, as the packages have them that this one and @sonde/usdt stand in for, made of sonde's, whose probes are
// fixed. What a provider has when it is enabled is one of sonde's providers. What is added later is another one of the same name, of all
// that is added before the program's next turn, or before one of them fires: so a tracer that attaches by path finds few objects, and
// DTrace few providers, of which most systems take some thirty from a process. Probes of the same name and arguments are the same to tracers.
import {
  type Argument,
  int64,
  json,
  log,
  type ProbeSource,
  type Provider,
  type ProviderSource,
  provider,
  string,
} from '@sonde/core';
import { attach } from './attach.js';
import { functionName, moduleName, probeName, providerName } from './names.js';
import { type DynamicProbe, illegalInvocation, isSettled, type Native, own, RESTING, setNative } from './probe.js';
import type { Kind } from './values.js';

export { DynamicProbe, illegalInvocation } from './probe.js';
export type { Kind } from './values.js';

/** The core's MOST_NATIVE_ARGUMENTS: every backend carries so many. */
const MOST_VISIBLE = 12;
/** The longest text, in bytes of UTF-8. */
const LIMIT = 2 ** 16 - 1;

const ARGUMENTS: Record<Kind, (name: string) => Argument> = {
  int: int64,
  string: (name) => string(name, { limit: LIMIT }),
  json: (name) => json(name, { limit: LIMIT }),
};

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
}

/** One of sonde's providers. */
interface Batch {
  provider: Provider<ProviderSource>;
  natives: Map<string, Native>;
  users: Set<DynamicProbe>;
}

/** A provider whose probes are added one by one. */
export class DynamicProvider {
  readonly #options: Options;
  readonly #debug: ReturnType<typeof log>;
  readonly #name: string;
  readonly #native: string;
  readonly #module: string | undefined;
  readonly #members = new Map<DynamicProbe, Member>();
  #pending: Member[] = [];
  #batches: Batch[] = [];
  #isEnabled = false;

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
   * Adds a probe, which is also the provider's property of that name from now on, whatever that was before. Where the provider is enabled
   * already, the probe is there for tracers at the program's next turn, or when it is fired, whichever comes first. Several probes may have
   * one name; each is a probe of its own, and those of the same arguments are one to tracers.
   *
   * @param name any name; what tracers cannot carry is mapped
   * @param types of the arguments. Those beyond the twelfth no backend carries, and they are not converted.
   */
  addProbe(name: string, ...types: string[]): DynamicProbe {
    if (!DynamicProvider.isProvider(this)) throw illegalInvocation();
    const { Probe, kindOf, mostArguments } = this.#options;
    const given = typeof name === 'symbol' ? String(name) : `${name}`;
    const kinds = types.slice(0, mostArguments).map((type) => kindOf(typeNamed(type)));
    const probe = new Probe();
    const member: Member = { probe, name: given, native: probeName(given), kinds: kinds.slice(0, MOST_VISIBLE) };
    own(probe, { kinds: member.kinds, settle: () => this.#settle() });
    Object.defineProperty(probe, '__prov__', { value: this });
    // Defined and not set: a probe may be named __proto__.
    Reflect.defineProperty(this, given, { value: probe, configurable: true, enumerable: true, writable: true });
    if (member.native !== given) this.#debug('probe %s of %s is %s to tracers', given, this.#name, member.native);
    if (kinds.length > MOST_VISIBLE) {
      this.#debug(
        `probe %s of %s has %d arguments, of which tracers see the first ${MOST_VISIBLE}`,
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
   * @throws {SondeError} only under `SONDE_REQUIRE=1`, when the backend asked for cannot run or load the provider
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

  /** Withdraws the probes: tracers no longer find them, and they do not fire. Done already, it does nothing. */
  disable(): void {
    if (!DynamicProvider.isProvider(this)) throw illegalInvocation();
    this.#isEnabled = false;
    this.#pending = [];
    for (const { probe } of this.#members.values()) setNative(probe, RESTING);
    for (const { provider } of this.#batches.splice(0)) provider.unload();
  }

  /** Whether it is one of this provider's probes, and was not removed. */
  protected static has(provider: DynamicProvider, value: unknown): value is DynamicProbe {
    return provider.#members.has(value as DynamicProbe);
  }

  /** The probe no longer fires. Tools list it until the last one goes that became visible together with it. Returns its name. */
  protected static remove(provider: DynamicProvider, probe: DynamicProbe): string {
    const { name } = provider.#members.get(probe)!;
    provider.#members.delete(probe);
    provider.#pending = provider.#pending.filter((member) => member.probe !== probe);
    setNative(probe, RESTING);
    provider.#batches = provider.#batches.filter((batch) => {
      if (!batch.users.delete(probe) || batch.users.size > 0) return true;
      batch.provider.unload();
      return false;
    });
    return name;
  }

  #connectLater(member: Member): void {
    setNative(member.probe, undefined);
    if (this.#pending.push(member) === 1) queueMicrotask(() => this.#settle());
  }

  #settle(): void {
    const pending = this.#pending.filter(({ probe }) => !isSettled(probe));
    this.#pending = [];
    try {
      this.#connect(pending);
    } catch (error) {
      // Only under SONDE_REQUIRE=1; here is nobody who expects it.
      this.#debug('probes that were added to %s rest: %s', this.#name, error);
      for (const { probe } of pending) if (!isSettled(probe)) setNative(probe, RESTING);
    }
  }

  /** Finds these probes among what is there, and makes what is not. */
  #connect(members: readonly Member[]): void {
    let left = members;
    while (left.length > 0) {
      left = left.filter((member) => !this.#join(member));
      // Of one name, tracers can take only one from a provider of sonde's.
      const next = new Map<string, Member>();
      for (const member of left) if (!next.has(member.native)) next.set(member.native, member);
      if (next.size > 0) this.#batches.push(this.#define([...next.values()]));
    }
  }

  #join(member: Member): boolean {
    const key = keyOf(member);
    const batch = this.#batches.find(({ natives }) => natives.has(key));
    if (!batch) return false;
    batch.users.add(member.probe);
    setNative(member.probe, batch.natives.get(key)!);
    return true;
  }

  #define(members: readonly Member[]): Batch {
    const options = this.#module === undefined ? {} : { module: this.#module };
    const suffix = distinction(JSON.stringify([this.#native, this.#module]), members);
    const source = Object.fromEntries(
      members.map((member): [string, ProbeSource] => [
        keyOf(member),
        {
          name: member.native,
          arguments: member.kinds.map((kind, index) => ARGUMENTS[kind](`arg${index}`)),
          function: functionName(member.name) + suffix,
        },
      ]),
    );
    const made = provider(this.#native, source, options);
    return {
      provider: made,
      natives: new Map(members.map((member) => [keyOf(member), made[keyOf(member)] as Native])),
      users: new Set(),
    };
  }
}

/** What makes two probes of a provider one to tracers. Never `unload`, which is a provider's own. */
const keyOf = ({ native, kinds }: Member) => [native, ...kinds].join(' ').concat(' ');

/** The definitions that were made, by their provider and module. */
const made = new Map<string, Map<string, Set<string>>>();

/**
 * What a definition's functions end in. To DTrace all definitions of a provider and module are one, and most systems do not take two probes of the
 * same function and name: so those of another definition than the first get another function.
 */
function distinction(place: string, members: readonly Member[]): string {
  const definitions = made.get(place) ?? new Map<string, Set<string>>();
  made.set(place, definitions);
  const own = JSON.stringify(members.map(keyOf));
  const before = [...definitions.keys()].indexOf(own);
  const earlier = [...definitions.values()].slice(0, before < 0 ? definitions.size : before);
  if (before < 0) definitions.set(own, new Set(members.map(({ native }) => native)));
  const hasTwin = earlier.some((names) => members.some(({ native }) => names.has(native)));
  return hasTwin ? `-${earlier.length + 1}` : '';
}

/** What anything is as the name of a type. */
function typeNamed(type: unknown): string {
  try {
    return String(type);
  } catch {
    return '';
  }
}
