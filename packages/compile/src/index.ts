// Compiles the addon into the @sonde/native that a program uses. No package of sonde does so while
// it is installed: package managers block such scripts, warn of them or fail
// (docs/installation.md), and most systems need none.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * What an addon can be compiled for: every backend that the system can have, one of them, or none.
 */
export const BACKENDS = ['auto', 'dtrace', 'systemtap', 'ebpf', 'noop'] as const;

export type BuildBackend = (typeof BACKENDS)[number];

export interface BuildOptions {
  /**
   * Becomes the default at run time; unless it is `auto`, the others are left out, and nothing
   * brings them back.
   */
  backend: BuildBackend;
  /** A folder of the program: its @sonde/native is compiled, the one that `sonde` finds. */
  from: string;
  /** What goes to the console while compiling: everything, or, unless it fails, nothing. */
  verbose?: boolean;
}

export class BuildError extends Error {
  /** What node-gyp printed, when it was node-gyp that failed. */
  readonly output: string;

  constructor(message: string, output = '') {
    super(message);
    this.output = output;
  }
}

/** The file in @sonde/native's addon/ that tells of a build that failed; `status()` names it. */
export const FAILED = 'build/failed.log';

/**
 * Compiles, and puts what came out in its place when it is whole. `noop` compiles nothing and needs
 * no compiler.
 *
 * @returns the path of the addon, or of the file that says that there is none
 * @throws {BuildError} when @sonde/native is not found, is of another version, or cannot be
 * compiled; what was there before stays
 */
export function build({ backend, from, verbose = false }: BuildOptions): string {
  const addon = findAddon(from);
  const folder = mkdtempSync(join(tmpdir(), 'sonde-compile-'));
  try {
    const made = join(folder, 'build/Release');
    if (backend === 'noop') {
      mkdirSync(made, { recursive: true });
      writeFileSync(join(made, 'backend.json'), JSON.stringify(backend));
    } else {
      compile(backend, addon, folder, verbose);
    }
    return install(made, join(addon, 'build/Release'), backend);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where the sources of the addon are that a program uses. */
export function findAddon(from: string): string {
  const version = (manifest: string) => JSON.parse(readFileSync(manifest, 'utf8')).version;
  const own = version(join(dirname(dirname(fileURLToPath(import.meta.url))), 'package.json'));
  let manifest: string;
  try {
    manifest = findManifest(from);
  } catch {
    throw new BuildError(`@sonde/native is not installed for ${from}: install sonde, then build`);
  }
  const found = version(manifest);
  if (found !== own) {
    throw new BuildError(
      `@sonde/native of ${from} is ${found}, and this is @sonde/compile ${own}: use npx @sonde/compile@${found}`,
    );
  }
  return join(dirname(manifest), 'addon');
}

function findManifest(from: string): string {
  const { resolve } = createRequire(join(from, 'package.json'));
  try {
    // Package managers that keep packages apart show it to `sonde` alone.
    return createRequire(resolve('sonde')).resolve('@sonde/native/package.json');
  } catch {
    return resolve('@sonde/native/package.json');
  }
}

function compile(backend: BuildBackend, addon: string, folder: string, verbose: boolean): void {
  const without = ['build', 'prebuilds'].map((name) => join(addon, name));
  cpSync(addon, folder, {
    recursive: true,
    filter: (path) => !without.some((each) => (path + sep).startsWith(each + sep)),
  });
  const require = createRequire(import.meta.url);
  const nodeGyp = require.resolve('node-gyp/bin/node-gyp.js');
  // All of it is reached by paths within this folder: make takes no spaces in paths, and Node.js or
  // the program may lie below one.
  const nodeAddonApi = dirname(require.resolve('node-addon-api/package.json'));
  cpSync(nodeAddonApi, join(folder, 'node_modules/node-addon-api'), { recursive: true });
  const node = join(folder, 'node');
  symlinkSync(dirname(dirname(process.execPath)), node);
  // The headers that came with this Node.js, if they did; otherwise node-gyp downloads them.
  const headers = existsSync(join(node, 'include/node/node_api.h')) ? [`--nodedir=${node}`] : [];
  const { status, signal, error, stdout, stderr } = spawnSync(
    process.execPath,
    [nodeGyp, 'rebuild', `--directory=${folder}`, `--sonde_backend=${backend}`, '--loglevel=warn', ...headers],
    {
      stdio: ['ignore', verbose ? 'inherit' : 'pipe', verbose ? 'inherit' : 'pipe'],
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    },
  );
  if (status === 0 && existsSync(join(folder, 'build/Release/backend.json'))) return;
  const how = error ? error.message : signal ? `was ended by ${signal}` : `ended with status ${status}`;
  throw new BuildError(`the addon cannot be compiled: node-gyp ${how}`, `${stdout ?? ''}${stderr ?? ''}`);
}

/**
 * Puts the files in their place one by one, each whole: a process that has the old addon mapped
 * keeps it.
 */
function install(made: string, place: string, backend: BuildBackend): string {
  const names = ['sonde.node', 'backend.json'];
  mkdirSync(place, { recursive: true });
  rmSync(join(place, '../..', FAILED), { force: true });
  let last = '';
  for (const name of names) {
    const path = join(place, name);
    if (!existsSync(join(made, name))) {
      rmSync(path, { force: true });
      continue;
    }
    copyFileSync(join(made, name), `${path}.part`);
    renameSync(`${path}.part`, path);
    last ||= path;
  }
  if (!existsSync(join(place, 'sonde.node')) && backend !== 'noop') {
    throw new BuildError(
      `there is no addon for ${backend} on ${process.platform}, ${process.arch}: sonde does nothing here, and status() will say so`,
    );
  }
  return last;
}
