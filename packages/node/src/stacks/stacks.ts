// JavaScript frames in a tracer's own stacks: while somebody wants them, the addon keeps the map of
// code that bpftrace, perf and bcc read. Each thread of JavaScript tells of its own code; the files
// are the process's.
import type { Probe, Provider } from 'sonde';
import { isRecording, log, printable } from 'sonde/internal';
import { type Addon, getAddon } from '../addon.js';
import type { stacksProbes } from '../probes.js';
import { now } from '../runtime/clock.js';
import { clearInterval, setInterval } from '../runtime/tasks.js';
import { whileTraced } from '../while-traced.js';
import { SourceLines } from './source-lines.js';

export interface StacksOptions {
  /** Writes `/tmp/jit-<pid>.dump` as well, for `perf inject --jit`. Default false. */
  jitdump?: boolean;
}

export interface StacksStatus {
  /** Whether JavaScript frames of this thread have names just now. */
  on: boolean;
  /**
   * Who wants it: a tracer (`tracer`, `jitdump`), or the program (`program`), which SONDE_STACKS=1
   * stands for, too.
   */
  wanted: string[];
  /** Why it is off although it is wanted, or why the files are not as they are to be. */
  reason?: string;
  /** The map's path. */
  map?: string;
  /** How many pieces of code of this thread have names. */
  entries?: number;
  /** The size of the map's file, in bytes. */
  bytes?: number;
  /**
   * What it took to switch on, in nanoseconds: for this time the thread did nothing else. Source
   * maps, read after that, are not in it.
   */
  ns?: number;
  /**
   * Whether interpreted functions that were there before have names: not where the heap is larger
   * than {@link FLUSHED_HEAP}.
   */
  flushed?: boolean;
}

/**
 * What is thrown away and compiled again, so that functions which are interpreted have names, takes
 * two garbage collections of the whole heap: in bytes, up to what size of it that is done.
 */
export const FLUSHED_HEAP = 64 * 2 ** 20;

const NAMES_MS = 100;
/** Few, since all threads take from the same, and one that ends does not give back. */
const NAMES_AT_ONCE = 10;
/**
 * How long source maps are read, and the program waits, when names come on, and then each time. One
 * alone may take longer.
 */
const FIRST_NAMING_MS = 100;
const NAMING_MS = 20;
const TEND_MS = 5000;

type Wanted = 'tracer' | 'jitdump' | 'program' | 'program jitdump';

const debug = log('node');

const wanted = new Set<Wanted>();
let node: Pick<Provider<typeof stacksProbes>, 'stacksReady'> | undefined;
let running: Running | undefined;
let reason: string | undefined;
/** Whether the addon may have files that are to be removed. */
let wasOn = false;

/** Looks whether a tracer wants names, and whether SONDE_STACKS does. */
export function watchStacks(provider: Provider<typeof stacksProbes>): void {
  node = provider;
  watchWish(provider.stacksOn, 'tracer');
  watchWish(provider.stacksJitdump, 'jitdump');
  if (process.env.SONDE_STACKS === '1') want('program', true);
}

/**
 * A recorder, for which all probes are enabled, wants what is fired: the files are for tracers, and
 * would outlive the program's tests.
 */
function watchWish(probe: Pick<Probe, 'enabled'>, who: Wanted): void {
  whileTraced(
    [probe],
    () => want(who, true),
    () => want(who, false),
    ({ enabled }) => enabled && !isRecording(),
  );
}

export const stacks = {
  /**
   * Gives JavaScript frames of this thread names in native stacks, until {@link stacks.disable}: as
   * a tracer does that attaches to the probe `node:stacks__on`. The files stay when the process
   * ends. Does nothing but say why in {@link stacks.status} where it cannot be done.
   *
   * @throws TypeError when an option is not what it has to be
   */
  enable({ jitdump = false }: StacksOptions = {}): StacksStatus {
    if (typeof jitdump !== 'boolean') {
      throw new TypeError(`stacks.enable: jitdump is ${String(jitdump)}, and must be true or false, or be left out`);
    }
    wanted.add('program');
    want('program jitdump', jitdump);
    return stacks.status();
  },

  /**
   * Takes back what {@link stacks.enable} and SONDE_STACKS=1 did in this thread. The files are gone
   * unless a tracer wants them.
   */
  disable(): void {
    wanted.delete('program');
    want('program jitdump', false);
    if (!running && wasOn) getAddon().codeRemove?.();
  },

  /**
   * Waits until the map's file tells of all code that there is now, with the original lines. It is
   * mostly 20 ms behind otherwise; with those lines, longer (docs/stacks.md).
   */
  flush(): void {
    running?.flush();
  },

  status(): StacksStatus {
    const { trouble = '', isLost = false, ...files } = running?.status() ?? {};
    const why = reason ?? printable(trouble);
    const told = { wanted: [...wanted], ...(why !== '' && { reason: why }) };
    return running && !isLost ? { on: true, ...told, ...files } : { on: false, ...told };
  },
};

function want(who: Wanted, yes: boolean): void {
  if (yes) wanted.add(who);
  else wanted.delete(who);
  reason = undefined;
  const jitdump = wanted.has('jitdump') || wanted.has('program jitdump');
  try {
    if (wanted.size === 0) stop();
    else if (!running || (jitdump && !running.jitdump)) start(jitdump);
  } catch (error) {
    reason = printable((error as Error).message);
    debug('no JavaScript frames in native stacks: %s', reason);
  }
}

function start(jitdump: boolean): void {
  const addon = getAddon();
  if (!addon.codeOn) throw new Error(`it needs Linux, and this is ${process.platform}`);
  const started = new Running(addon as Required<Addon>, jitdump);
  running?.end();
  running = started;
  wasOn = true;
  const { ns, entries, flushed } = running.status();
  node?.stacksReady.fire(ns, entries, flushed);
  debug('JavaScript frames have names: %d pieces of code, %d ms', entries, ns / 1e6);
}

/**
 * Others of the process may still want names; the addon keeps the files for what bpftrace prints
 * after it has detached.
 */
function stop(): void {
  running?.off();
  running = undefined;
}

/**
 * The map is somebody else's, or code cannot be told any more: it is as if there had never been
 * names.
 */
function giveUp(why: string): void {
  stop();
  reason = printable(why);
  debug('no JavaScript frames in native stacks any more: %s', reason);
}

const milliseconds = () => Number(now()) / 1e6;

/** Where tracers look: nowhere else than in /tmp. */
const mapPath = () => `/tmp/perf-${process.pid}.map`;
const dumpPath = () => `/tmp/jit-${process.pid}.dump`;

/** This thread's code is told, from the constructor until `off`. */
class Running {
  readonly jitdump: boolean;
  private readonly addon: Required<Addon>;
  private readonly lines = new SourceLines();
  private readonly timers: NodeJS.Timeout[];
  private readonly ns: number;
  /** Whether interpreted functions that were there have names. */
  private readonly flushed: boolean;
  private entries: number;

  constructor(addon: Required<Addon>, jitdump: boolean) {
    this.addon = addon;
    this.jitdump = jitdump;
    const { getHeapStatistics } = process.getBuiltinModule('node:v8');
    const flush = getHeapStatistics().used_heap_size <= FLUSHED_HEAP;
    const began = now();
    this.flushed = addon.codeOn(mapPath(), jitdump ? dumpPath() : '', flush);
    this.ns = Number(now() - began);
    this.entries = addon.codeSize().entries;
    this.timers = [setInterval(() => this.name(NAMING_MS), NAMES_MS), setInterval(() => this.tend(), TEND_MS)];
    for (const timer of this.timers) timer.unref();
    this.name(FIRST_NAMING_MS);
  }

  status() {
    const { entries, bytes, trouble, isLost } = this.addon.codeSize();
    return { map: mapPath(), entries, bytes, ns: this.ns, flushed: this.flushed, trouble, isLost };
  }

  flush(): void {
    this.name(Number.POSITIVE_INFINITY);
    this.addon.codeFlush();
  }

  /** Ends what the thread does, not what the addon does. */
  end(): void {
    this.timers.forEach(clearInterval);
  }

  off(): void {
    this.end();
    this.addon.codeOff();
  }

  /**
   * Gives functions of files that were made from others the lines of those: for so long, and the
   * rest the next time.
   */
  private name(ms: number): void {
    const until = milliseconds() + ms;
    do {
      const names = this.addon.codeNames(NAMES_AT_ONCE);
      if (names.length === 0) return;
      for (let i = 0; i < names.length; i += 5) {
        const [id, , script, line, column] = names.slice(i, i + 5) as [number, string, string, number, number];
        const original = this.lines.original(script, line, column);
        if (original) this.addon.codeRename(id, original.file, original.line);
      }
    } while (milliseconds() < until);
  }

  /**
   * V8 does not tell which code it threw away: once there is twice as much as there was, all that
   * there is is told anew.
   */
  private tend(): void {
    const { entries, trouble, isLost } = this.addon.codeSize();
    if (isLost) {
      giveUp(trouble);
      return;
    }
    if (entries < 2 * this.entries + 5000) return;
    try {
      this.addon.codeOn(mapPath(), '', false);
      this.entries = this.addon.codeSize().entries;
    } catch (error) {
      giveUp((error as Error).message);
    }
  }
}
