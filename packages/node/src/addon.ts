// The V8 addon: one for each line of Node.js, since it uses what Node-API does not have. Without it everything else of this package works.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { places } from 'sonde/internal';
import { whyForeign } from './foreign.js';

/** What the addon exports: see the headers in addon/. */
export interface Addon {
  /** `process.versions.modules` of the Node.js that it was compiled for. */
  abi: number;
  /** The JavaScript stack below the innermost frame of a function, one frame a line; undefined where that is not near the top. */
  // biome-ignore lint/complexity/noBannedTypes: any function at all.
  captureStack(depth: number, below: Function): string | undefined;
  /**
   * From now on calls two stubs at each garbage collection of the calling thread, exactly when it happens: no JavaScript can run there.
   * `start` has the native arguments `kind`, `flags` (uint32), `used` (uint64, bytes); `done` has `kind`, `flags`, `ns`, `used`, `before`.
   *
   * @param start what `stubOf` gives of a probe, as `done`: anything else ends the process
   */
  gcOn(start: Uint8Array, done: Uint8Array): void;
  gcOff(): void;
  /** From now on samples what the calling thread allocates, at every so many bytes on average; false where its heap is sampled already. */
  allocationsOn(interval: number): boolean;
  /**
   * What was sampled since last time, five values for each function and caller: bytes, count of samples, function, file, line. Undefined where
   * somebody has ended it.
   */
  allocationsTake(): (number | string)[] | undefined;
  allocationsOff(): void;
  /**
   * Tells tracers of all code of the calling thread, in files that the process has one of each: see code-events.h. Called again, it tells
   * everything anew.
   *
   * @param map the path of perf's map
   * @param dump the path of perf's jitdump; empty for none
   * @param flush throws bytecode away first, so that functions which were there before have places of their own
   * @returns whether bytecode was thrown away
   * @throws where there cannot be names, and when a file cannot be made
   */
  codeOn?(map: string, dump: string, flush: boolean): boolean;
  /** The files stay 5 s longer, or to the end of the process if that is sooner. */
  codeOff?(): void;
  /** Removes the files at once, unless another thread tells of its code. */
  codeRemove?(): void;
  /** So many names in files that are new, of all threads, five values each: id, function, the file's path, line, column. */
  codeNames?(most: number): (string | number)[];
  codeRename?(id: number, script: string, line: number): void;
  /**
   * Of this thread and of all threads; bytes of the map's file, and how often that was written as a whole; why the files are not as they are to be, empty where
   * they are; whether the map is somebody else's now.
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
  const folder = addonFolder();
  const files = [join(folder, 'build/Release/sonde_node.node'), ...prebuilt(folder)].filter((file) => existsSync(file));
  let reason: unknown;
  for (const file of files) {
    try {
      const module = { exports: {} as Addon };
      process.dlopen(module, file);
      if (String(module.exports.abi) === process.versions.modules) return module.exports;
      reason ??= new Error(`${file} is for another version of Node.js`);
    } catch (error) {
      reason ??= error;
    }
  }
  const { platform, arch, version } = process;
  const why = reason ? `: ${(reason as Error).message}` : '';
  throw new Error(`@sonde/node has no addon for Node.js ${version} on ${platform} ${arch} in ${folder}${why}`, {
    cause: reason,
  });
}

/** As prebuildify names them; of Linux's two kinds this system's first. */
function prebuilt(folder: string): string[] {
  const { platform, arch, versions } = process;
  const tags =
    platform !== 'linux' ? [''] : existsSync('/etc/alpine-release') ? ['.musl', '.glibc'] : ['.glibc', '.musl'];
  return tags.map((tag) =>
    join(folder, 'prebuilds', `${platform}-${arch}`, `@sonde+node.abi${versions.modules}${tag}.node`),
  );
}

/** Beside this file's folder, or where a bundle finds this package. */
function addonFolder(): string {
  const from = places().map((place) => dirname(fileURLToPath(place)));
  const own = import.meta.url && join(dirname(fileURLToPath(import.meta.url)), '../addon');
  const candidates = own ? [own] : [];
  for (const place of from) {
    for (let above = place; above !== dirname(above); above = dirname(above)) {
      candidates.push(join(above, 'node_modules/@sonde/node/addon'));
    }
  }
  const found = candidates.find((folder) => existsSync(join(folder, 'binding.gyp')));
  if (!found) {
    throw new Error(
      `@sonde/node is not in node_modules of ${from[0]} or above: a bundle does not hold the addon, so install @sonde/node beside it`,
    );
  }
  return found;
}
