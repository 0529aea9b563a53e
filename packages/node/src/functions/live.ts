// Functions of a running program that somebody asked for by name, watched by breakpoints that never
// pause (breakpoints.ts), without a change of the program's source. To ask costs nothing: the
// breakpoints are there only while a tracer is attached to function__entry or function__return, and
// only while nobody else is at the inspector.
import type { Provider } from 'sonde';
import { follow, log, messageOf } from 'sonde/internal';
import type { functionProbes } from '../probes.js';
import { now } from '../runtime/clock.js';
import { whenConnected, whoIsThere } from '../runtime/inspector.js';
import { clearInterval, setInterval, setTimeout } from '../runtime/tasks.js';
import { whileTraced } from '../while-traced.js';
import { Breakpoints, CANARY_SOURCE, type Script } from './breakpoints.js';
import { Calls } from './calls.js';
import { depthBelow, whyNoDepth } from './depth.js';
import { isOwn } from './files.js';
import { type FoundFunction, findFunctions, type Sort } from './found.js';
import type { Described } from './functions.js';
import { type Meant, meantIn, pathOf } from './meant.js';
import { DEFAULT_SHARE } from './options.js';
import { choose, type What } from './places.js';
import { ensureRoom, roomFor } from './room.js';
import { Skipped } from './skipped.js';
import { Wishes } from './wishes.js';

const debug = log('functions');

/** A function may take as much as it may in this time before it is let go. */
const BURST_NS = 2e9;
/** How long scripts are looked through without a turn of the event loop; one may take longer. */
const SLICE_NS = 10_000_000n;
const TEND_MS = 1000;
/** Scripts whose functions are known. */
const MOST_KNOWN = 20_000;
/** In a thread. */
const MOST_FUNCTIONS = 256;
/** Of a file that is loaded again and again, and of sources without a name. */
const MOST_VERSIONS = 8;

/** What V8 takes to read a source, for each UTF-16 unit: measured, on Node.js 20 to 26. */
const READS_NS = 30;
const READS_FIRST_NS = 70;

/** More than what is done for a breakpoint takes, the deepest stack itself apart. */
const ROOM = roomFor(512);

type Node = Provider<typeof functionProbes>;

/** Of the breakpoints by which it is measured what one takes. */
const CANARY_NUMBER = 0;

/** A function that is watched, or was. */
export interface LiveFunction {
  /** As V8 has it in stacks. */
  name: string;
  file: string;
  line: number;
  /** How often a breakpoint of it was passed: twice in a call, mostly. */
  hits: number;
  /** What that took, as a share of one core since it is watched. */
  share: number;
}

/** What became of functions that were asked for by name, in this thread. */
export interface LiveStatus {
  /**
   * `idle`: nobody traces `function__entry` or `function__return`, or nobody asked for a function.
   * `refused`: `reason` says why they are not watched although somebody traces.
   */
  state: 'idle' | 'watching' | 'refused';
  reason?: string;
  /** What was asked for, and how many functions of that name are watched now. */
  names: { name: string; functions: number }[];
  functions: LiveFunction[];
  /** Let go since a tracer came last, because they took more than they may. */
  dropped: LiveFunction[];
  /** Functions and files that could not be watched. */
  skipped: { file: string; reason: string }[];
  /** Of one core, that one function may take. */
  limit: number;
  /** What one breakpoint that is passed takes just now, in nanoseconds. 0 before it was measured. */
  hitNs: number;
}

class Watched {
  readonly described: Described;
  readonly script: Script;
  /** Where it begins. */
  readonly start: FoundFunction['start'];
  readonly sort: Sort;
  readonly repeats: boolean;
  /** Whether its promise is the one that was made last where it begins. */
  readonly isFollowed: boolean;
  readonly names: Set<string>;
  /** Ids of breakpoints. */
  breakpoints: string[] = [];
  readonly limit: number;
  readonly since = Number(now());
  hits = 0;
  /** In nanoseconds. */
  cost = 0;
  /** For each condition, V8 reads the function's source, and for the first that of the script. */
  private readonly reads: number;
  private first: number;
  private burst = 0;
  private last = Number(now());

  constructor(
    found: FoundFunction,
    script: Script,
    given: { described: Described; repeats: boolean; names: Set<string>; limit: number; scriptLength: number },
  ) {
    this.described = given.described;
    this.script = script;
    this.start = found.start;
    this.reads = found.length * READS_NS;
    this.first = given.scriptLength * READS_FIRST_NS;
    this.sort = found.sort;
    this.repeats = given.repeats;
    this.isFollowed = found.sort === 'async' && !found.hasCallsBefore;
    this.names = given.names;
    this.limit = given.limit;
  }

  /**
   * Whether it takes more than it may, now that a breakpoint was passed.
   *
   * @param ns what that takes in any function
   */
  takes(ns: number, at: number): boolean {
    ns += this.reads + this.first;
    this.first = 0;
    this.hits++;
    this.cost += ns;
    if (this.limit >= 1) return false;
    this.burst = Math.max(0, this.burst - (at - this.last) * this.limit) + ns;
    this.last = at;
    return this.burst > BURST_NS * this.limit;
  }

  status(): LiveFunction {
    const { described, hits, cost, since } = this;
    const took = Math.max(1, Number(now()) - since);
    return { ...described, hits, share: Math.round((cost / took) * 1000) / 1000 };
  }
}

interface PromiseHooks {
  onInit(init: (promise: Promise<unknown>) => void): () => void;
}

/** All that is there while functions are watched. */
class Watching {
  readonly functions = new Set<Watched>();
  /** Let go, since they took more than they may. */
  private readonly gone: Watched[] = [];
  readonly dropped: LiveFunction[] = [];
  hitNs = 0;
  /** What of the time from an entry to a return is that of the breakpoints. */
  private overhead = 0n;
  private readonly node: Node;
  private readonly wishes: Wishes;
  private readonly skipped: Skipped;
  private readonly breakpoints: Breakpoints;
  private readonly calls: Calls<Watched>;
  /** By the numbers of breakpoints. */
  private readonly places: ({ watched: Watched; what: readonly What[] } | undefined)[] = [undefined];
  private readonly scripts: Script[] = [];
  private toSearch: Script[] = [];
  private isSearching = false;
  private isOver = false;
  private readonly tending: NodeJS.Timeout;
  private canaryPassed: bigint[] = [];
  /** The promise that was made last; only while async functions are watched. */
  private lastPromise: Promise<unknown> | undefined;
  private stopHook: (() => void) | undefined;
  private readonly follower: { enabled: boolean };
  private readonly told = new Map<string, number>();

  constructor(node: Node, wishes: Wishes, skipped: Skipped) {
    this.node = node;
    this.wishes = wishes;
    this.skipped = skipped;
    const isOver = () => this.isOver;
    this.follower = {
      get enabled() {
        return !isOver() && node.functionReturn.enabled;
      },
    };
    this.calls = new Calls<Watched>({
      entered: ({ described: { file, name, line } }) => node.functionEntry.fire(file, name, line),
      returned: (watched, ns, threw) => this.returned(watched, ns === undefined ? 0n : this.without(ns, 1n), threw),
    });
    const passed = (number: number) => {
      try {
        this.passed(number, passed);
      } catch {
        // The stack is used up.
      }
    };
    this.breakpoints = new Breakpoints(passed, (script) => {
      if (this.mayBeWanted(script)) this.add(script);
    });
    try {
      this.watchCanary();
      // The first ones load what the others have.
      this.measure(2);
      this.measure(8);
    } catch (error) {
      this.breakpoints.end();
      throw error;
    }
    this.tending = setInterval(() => this.tend(), TEND_MS).unref();
    this.search();
  }

  end(): void {
    this.isOver = true;
    clearInterval(this.tending);
    this.stopHook?.();
    this.lastPromise = undefined;
    this.breakpoints.end();
    this.calls.forget();
  }

  /** Somebody asked for more, or for less. */
  changed(): void {
    for (const watched of [...this.functions]) {
      for (const name of watched.names) if (!this.wishes.has(name)) watched.names.delete(name);
      if (watched.names.size === 0) this.letGo(watched);
    }
    for (const name of this.told.keys()) if (!this.wishes.has(name)) this.told.delete(name);
    this.toSearch = [...this.scripts];
    this.search();
  }

  count(name: string): number {
    let count = 0;
    for (const { names } of this.functions) if (names.has(name)) count++;
    return count;
  }

  // What conditions call.

  private passed(number: number, condition: (number: number) => void): void {
    const at = now();
    const place = this.places[number];
    if (number === CANARY_NUMBER) this.canaryPassed.push(at);
    if (!place) return;
    const { watched, what } = place;
    if (!this.node.functionEntry.enabled && !this.node.functionReturn.enabled) return;
    const promise = this.lastPromise;
    ensureRoom(ROOM);
    const depth = depthBelow(condition);
    if (watched.sort === 'sync') this.calls.happens(watched, what, depth, at);
    else {
      this.calls.below(depth);
      this.resumable(watched, what, promise);
    }
    const left = now();
    if (!watched.takes(this.hitNs + Number(left - at), Number(left))) return;
    const dropped = watched.status();
    this.dropped.push(dropped);
    this.gone.push(watched);
    this.letGo(watched);
    const { file, name, line } = watched.described;
    this.node.functionDropped.fire(file, name, line, dropped.hits, Math.round(dropped.share * 100));
  }

  /** Async functions and generators: the stack does not tell which call of them it is that ends. */
  private resumable(watched: Watched, what: readonly What[], promise: Promise<unknown> | undefined): void {
    for (const each of what) {
      if (each === 'enter') {
        const { file, name, line } = watched.described;
        this.node.functionEntry.fire(file, name, line);
        if (watched.isFollowed && promise && this.follower.enabled) this.followCall(watched, promise);
      } else if (each !== 'final') {
        this.returned(watched, 0n, false);
      }
    }
  }

  private followCall(watched: Watched, promise: Promise<unknown>): void {
    const began = now();
    let ended: bigint | undefined;
    const tell = (threw: boolean) => {
      if (!this.isOver) this.returned(watched, this.without((ended ?? now()) - began, 2n), threw);
    };
    const outcome = {
      settled: () => {
        ended = now();
      },
      fulfilled: () => tell(false),
      rejected: () => tell(true),
      unknown: () => {},
    };
    follow(promise, this.follower, outcome, false);
  }

  private returned({ described: { file, name, line } }: Watched, ns: bigint, threw: boolean): void {
    this.node.functionReturn.fire(file, name, line, ns, threw);
  }

  /** Without what the breakpoints took, or a part of that. */
  private without(ns: bigint, part: bigint): bigint {
    const own = this.overhead / part;
    return ns > own ? ns - own : 0n;
  }

  // What a breakpoint takes, by a function that does nothing.

  private watchCanary(): void {
    const { script } = this.breakpoints.canary;
    const [found] = findFunctions(CANARY_SOURCE, false, () => true);
    const places = this.breakpoints.placesIn(script, found!);
    for (const place of [places[0]!, places.at(-1)!]) this.breakpoints.set(script, place, CANARY_NUMBER);
  }

  /** @throws when V8 does not evaluate conditions */
  private measure(calls: number): void {
    const took: number[] = [];
    const between: number[] = [];
    for (let i = 0; i < calls; i++) {
      this.canaryPassed = [];
      const began = now();
      this.breakpoints.canary.call();
      took.push(Number(now() - began));
      const [entered, left] = this.canaryPassed;
      if (entered === undefined || left === undefined) throw new Error('V8 does not tell of breakpoints');
      between.push(Number(left - entered));
    }
    this.hitNs = Math.round(median(took) / 2);
    this.overhead = BigInt(Math.round(median(between)));
  }

  private tend(): void {
    try {
      this.measure(1);
    } catch (error) {
      debug('%s', messageOf(error));
    }
  }

  // Scripts, and functions in them.

  private mayBeWanted({ url }: Script): boolean {
    // Node.js's own, and what fires.
    return !/^(node|wasm|sonde):/.test(url) && !isOwn(pathOf(url));
  }

  private add(script: Script): void {
    this.scripts.push(script);
    // Of sources that a program makes, ever more come.
    const same = this.scripts.filter(({ url }) => url === script.url);
    if (same.length > MOST_VERSIONS) this.scripts.splice(this.scripts.indexOf(same[0]!), 1);
    this.toSearch.push(script);
    // Not at once: V8 is compiling it.
    this.searchSoon();
  }

  private searchSoon(): void {
    if (this.isSearching) return;
    this.isSearching = true;
    // A timer: an immediate that does not hold the loop is not run by a loop that is idle.
    setTimeout(() => {
      this.isSearching = false;
      if (!this.isOver) this.search();
    }, 1).unref();
  }

  private search(): void {
    const end = now() + SLICE_NS;
    while (this.toSearch.length > 0) {
      const script = this.toSearch.pop()!;
      try {
        this.searchIn(script);
      } catch (error) {
        this.skip(script.url, messageOf(error));
      }
      if (now() > end) break;
    }
    if (this.toSearch.length > 0) this.searchSoon();
    else this.tell();
  }

  private searchIn(script: Script): void {
    const known = inScripts.get(script.id) ?? this.lookUp(script);
    if (known === undefined) {
      this.scripts.splice(this.scripts.indexOf(script), 1);
      return;
    }
    if (inScripts.size > MOST_KNOWN) inScripts.clear();
    inScripts.set(script.id, known);
    if (typeof known === 'string') this.skip(script.url, known);
    else for (const meant of known) this.watch(script, meant);
  }

  /** Functions, or why there can be none; undefined where V8 has thrown the script away. */
  private lookUp(script: Script): Meant[] | string | undefined {
    const path = pathOf(script.url);
    try {
      return meantIn(script, path, this.wishes.all(), () => this.breakpoints.sourceOf(script));
    } catch (error) {
      return messageOf(error);
    }
  }

  private watch(script: Script, { found, described, scriptLength, wishes }: Meant): void {
    const names = new Set(wishes.map(({ wanted }) => wanted.name));
    const { file, name, line } = described;
    for (const watched of this.functions) {
      if (!isSame(watched, script, found)) continue;
      for (const each of names) watched.names.add(each);
      return;
    }
    if (this.gone.some((watched) => isSame(watched, script, found))) return;
    const what = `${name} (${file}:${line})`;
    if (this.functions.size >= MOST_FUNCTIONS) {
      this.skip(what, `${MOST_FUNCTIONS} functions are watched: ask for fewer`);
      return;
    }
    const chosen = choose(found, this.breakpoints.placesIn(script, found));
    if (typeof chosen === 'string') {
      this.skip(what, chosen);
      return;
    }
    const { repeats } = chosen;
    const limit = Math.max(...wishes.map(({ share }) => share));
    const watched = new Watched(found, script, { described, repeats, names, limit, scriptLength });
    for (const [place, what] of chosen.places) {
      const number = this.places.push({ watched, what }) - 1;
      try {
        watched.breakpoints.push(this.breakpoints.set(script, place, number));
      } catch (error) {
        // What happens at this place is not seen. Without its entry it is not watched.
        this.places[number] = undefined;
        if (!what.includes('enter')) continue;
        this.letGo(watched);
        this.skip(`${name} (${file}:${line})`, messageOf(error));
        return;
      }
    }
    this.functions.add(watched);
    this.skipped.remove(what);
    if (watched.isFollowed) this.hookPromises();
    this.forgetVersions(watched);
  }

  /** Of files that are loaded again and again, and of sources without a name. */
  private forgetVersions({ script: { url }, described }: Watched): void {
    const same = [...this.functions].filter(
      (other) => other.script.url === url && other.described.name === described.name,
    );
    const scripts = [...new Set(same.map(({ script }) => script))];
    if (scripts.length <= MOST_VERSIONS) return;
    for (const watched of same) if (watched.script === scripts[0]) this.letGo(watched);
  }

  private letGo(watched: Watched): void {
    this.functions.delete(watched);
    for (const id of watched.breakpoints) this.breakpoints.remove(id);
    watched.breakpoints = [];
  }

  private hookPromises(): void {
    if (this.stopHook) return;
    const { promiseHooks } = process.getBuiltinModule('node:v8') as unknown as { promiseHooks: PromiseHooks };
    this.stopHook = promiseHooks.onInit((promise) => {
      this.lastPromise = promise;
    });
  }

  private skip(what: string, reason: string): void {
    debug('%s: %s', what, reason);
    this.skipped.add(what, reason);
  }

  /** Says of each name how many functions of it are watched, where that is news, or to who is new. */
  tell(isNew = false): void {
    if (isNew) this.told.clear();
    if (this.toSearch.length > 0) return;
    for (const { wanted } of this.wishes.all()) {
      const { name } = wanted;
      const count = this.count(name);
      if (this.told.get(name) === count) continue;
      this.told.set(name, count);
      this.node.functionWatch.fire(name, count, count === 0 ? this.whyNone() : '', this.hitNs);
    }
  }

  private whyNone(): string {
    const { skipped } = this.skipped.list();
    const last = skipped.at(-1);
    return last
      ? `${last.file}: ${last.reason}`
      : `no function of ${this.scripts.length} scripts that are loaded has this name`;
  }
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;

const isSame = (watched: Watched, { id }: Script, { start: { line, column } }: FoundFunction) =>
  watched.script.id === id && watched.start.line === line && watched.start.column === column;

/**
 * What was found in sources for the wishes that there are, by the numbers of scripts: a tracer that
 * comes again does not wait for it.
 */
const inScripts = new Map<string, Meant[] | string>();

let watching: Watching | undefined;
let node: Node | undefined;
let isTraced = false;
let reason: string | undefined;
let lastDropped: LiveFunction[] = [];
let retry: NodeJS.Timeout | undefined;
let skipped = new Skipped();

/** What was asked for in all threads, as far as this one knows. */
export const wishes = new Wishes(() => {
  inScripts.clear();
  if (!isTraced) return;
  if (wishes.all().length === 0) stop();
  else if (watching) watching.changed();
  else begin();
});

const others = whenConnected((who) => {
  stop();
  refuse(who);
});

/** From now on, functions that somebody asked for are watched while they are traced. */
export function watchLive(provider: Node): void {
  node = provider;
  whileTraced(
    [provider.functionEntry, provider.functionReturn],
    () => {
      isTraced = true;
      lastDropped = [];
      wishes.open();
      if (wishes.all().length > 0) begin();
    },
    () => {
      isTraced = false;
      stop();
      wishes.close();
    },
  );
  // It may come after what it is to tell of.
  whileTraced(
    [provider.functionWatch],
    () => tell(reason),
    () => {},
  );
}

function tell(why?: string): void {
  if (watching) watching.tell(true);
  else if (why !== undefined) for (const { wanted } of wishes.all()) node!.functionWatch.fire(wanted.name, 0, why, 0);
}

export function liveStatus(): LiveStatus {
  const state = watching ? 'watching' : reason === undefined ? 'idle' : 'refused';
  const all = wishes.all();
  return {
    state,
    ...(reason !== undefined && { reason }),
    names: all.map(({ wanted: { name } }) => ({ name, functions: watching?.count(name) ?? 0 })),
    functions: [...(watching?.functions ?? [])].map((watched) => watched.status()),
    dropped: [...(watching?.dropped ?? lastDropped)],
    skipped: skipped.list().skipped,
    limit: Math.max(DEFAULT_SHARE, ...all.map(({ share }) => share)),
    hitNs: watching?.hitNs ?? 0,
  };
}

function begin(): void {
  skipped = new Skipped();
  const who = whoIsThere() ?? whyNoDepth();
  if (who !== undefined) {
    refuse(who);
    return;
  }
  try {
    watching = new Watching(node!, wishes, skipped);
    others.on();
    reason = undefined;
    clearInterval(retry);
  } catch (error) {
    refuse(messageOf(error));
  }
}

/** Whoever is there may leave. */
function refuse(why: string): void {
  if (reason !== why) {
    debug('functions are not watched: %s', why);
    tell(why);
  }
  reason = why;
  clearInterval(retry);
  retry = setInterval(begin, TEND_MS).unref();
}

function stop(): void {
  clearInterval(retry);
  reason = undefined;
  others.off();
  lastDropped = watching?.dropped ?? lastDropped;
  watching?.end();
  watching = undefined;
}
