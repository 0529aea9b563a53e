// The V8 addon: one for each line of Node.js, since it uses what Node-API does not have. Without it
// everything else of this package works.
import { addonFiles, addonFolder, openAddon } from '@sonde/native';
import { whyForeign } from './foreign.js';

/** What the addon exports: see the headers in addon/. */
export interface Addon {
  /** `process.versions.modules` of the Node.js that it was compiled for. */
  abi: number;
  /**
   * The JavaScript stack below the innermost frame of a function, one frame a line; undefined where
   * that is not near the top.
   */
  // biome-ignore lint/complexity/noBannedTypes: any function at all.
  captureStack(depth: number, below: Function): string | undefined;
  /**
   * From now on calls two stubs at each garbage collection of the calling thread, exactly when it
   * happens: no JavaScript can run there. `start` has the native arguments `kind`, `flags`
   * (uint32), `used` (uint64, bytes); `done` has `kind`, `flags`, `ns`, `used`, `before`.
   *
   * @param start what `stubOf` gives of a probe, as `done`: anything else ends the process
   */
  gcOn(start: Uint8Array, done: Uint8Array): void;
  gcOff(): void;
  /**
   * From now on samples what the calling thread allocates, at every so many bytes on average; false
   * where its heap is sampled already.
   */
  allocationsOn(interval: number): boolean;
  /**
   * What was sampled since last time, five values for each function and caller: bytes, count of
   * samples, function, file, line. Undefined where somebody has ended it.
   */
  allocationsTake(): (number | string)[] | undefined;
  allocationsOff(): void;
  /**
   * Tells tracers of all code of the calling thread, in files that the process has one of each: see
   * code-events.h. Called again, it tells everything anew.
   *
   * @param map the path of perf's map
   * @param dump the path of perf's jitdump; empty for none
   * @param flush throws bytecode away first, so that functions which were there before have places
   * of their own
   * @returns whether bytecode was thrown away
   * @throws where there cannot be names, and when a file cannot be made
   */
  codeOn?(map: string, dump: string, flush: boolean): boolean;
  /** The files stay 5 s longer, or to the end of the process if that is sooner. */
  codeOff?(): void;
  /** Removes the files at once, unless another thread tells of its code. */
  codeRemove?(): void;
  /**
   * So many names in files that are new, of all threads, five values each: id, function, the file's
   * path, line, column.
   */
  codeNames?(most: number): (string | number)[];
  codeRename?(id: number, script: string, line: number): void;
  /**
   * Of this thread and of all threads; bytes of the map's file, and how often that was written as a
   * whole; why the files are not as they are to be, empty where they are; whether the map is
   * somebody else's now.
   */
  codeSize?(): { entries: number; all: number; bytes: number; rewritten: number; trouble: string; isLost: boolean };
  /** Waits until the map's file is as it is to be. */
  codeFlush?(): void;
}

let addon: Addon | undefined;
let failure: Error | undefined;

/**
 * Loads the addon, the first time.
 *
 * @throws when there is none for this Node.js on this system
 */
export function getAddon(): Addon {
  if (failure) throw failure;
  try {
    addon ??= load();
  } catch (error) {
    failure = error as Error;
    throw failure;
  }
  return addon;
}

function load(): Addon {
  if (whyForeign) throw new Error(whyForeign);
  const { platform, arch, version, versions } = process;
  const name = { package: '@sonde/node', target: 'sonde_node', abi: versions.modules, file: import.meta.url };
  const folder = addonFolder(name);
  const none = `@sonde/node has no addon for Node.js ${version} on ${platform} ${arch} in ${folder}`;
  const files = addonFiles(name);
  if (files.length === 0) throw new Error(none);
  try {
    return openAddon<Addon>(files, checkAbi);
  } catch (error) {
    throw new Error(`${none}: ${(error as Error).message}`, { cause: error });
  }
}

/** Node.js lets addons that use Node-API to register themselves load everywhere. */
function checkAbi({ abi }: Addon, file: string): void {
  if (String(abi) !== process.versions.modules) throw new Error(`${file} is for another version of Node.js`);
}
