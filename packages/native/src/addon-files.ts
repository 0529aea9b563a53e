// Finds and loads the addons of @sonde/native and @sonde/node. It does not assume where this
// TypeScript ends up, since other packages and bundles inline it.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { moduleSearchRoots } from '@sonde/core/internal';
import { checkDenoAllowsAddons } from './restrictions.js';

export interface AddonName {
  /** The package, which has the addon in its folder `addon`. */
  package: string;
  /** The name of its target in binding.gyp. */
  target: string;
  /** `process.versions.modules`, where the addon is compiled for each line of Node.js. */
  abi?: string;
  /** The URL of a file of the package, where that is not this one. */
  file?: string;
}

/**
 * The addon's files for this process, the likeliest first. The usual places are looked at here;
 * node-gyp-build is asked when nothing is there, since it takes longer to load than the addon does
 * (docs/performance.md).
 */
export function addonFiles(addon: AddonName): string[] {
  const usual = [compiledAddon(addon), ...prebuiltAddons(addon)].filter((file) => existsSync(file));
  if (usual.length > 0) return usual;
  try {
    const require = requireFrom(join(packageFolder(addon), 'package.json'));
    return [require('node-gyp-build').path(addonFolder(addon))];
  } catch {
    return [];
  }
}

/**
 * Loads the first of these files that can be loaded.
 *
 * @param check throws when it is not the right one
 * @throws what the first one throws, when none can
 */
export function openAddon<Exports extends object>(
  files: readonly string[],
  check?: (exports: Exports, file: string) => void,
): Exports {
  const errors: unknown[] = [];
  for (const file of files) {
    try {
      // Unlike with require, another copy of this module in this thread, as test runners make, has
      // what the addon keeps for itself.
      const addon = { exports: {} as Exports };
      process.dlopen(addon, file);
      check?.(addon.exports, file);
      return addon.exports;
    } catch (error) {
      errors.push(error);
    }
  }
  throw errors[0];
}

export function addonFolder(addon: AddonName): string {
  return join(packageFolder(addon), 'addon');
}

/** Where node-gyp puts what it compiles. */
export function compiledAddon(addon: AddonName): string {
  return join(addonFolder(addon), 'build/Release', `${addon.target}.node`);
}

/** Named as prebuildify does. On Linux, the file for this system's C library comes first. */
function prebuiltAddons(addon: AddonName): string[] {
  const { platform, arch } = process;
  const folder = join(addonFolder(addon), 'prebuilds', `${platform}-${arch}`);
  const name = addon.package.replace('/', '+') + (addon.abi ? `.abi${addon.abi}` : '');
  const tags = platform === 'linux' ? (isAlpine() ? ['.musl', '.glibc'] : ['.glibc', '.musl']) : [''];
  return tags.map((tag) => join(folder, `${name}${tag}.node`));
}

function isAlpine(): boolean {
  try {
    return existsSync('/etc/alpine-release');
  } catch {
    // Node.js's permission model forbids to look. Both kinds are tried, whichever comes first.
    return false;
  }
}

const found = new Map<string, string>();

export function packageFolder(addon: AddonName): string {
  const folder = found.get(addon.package) ?? findPackage(addon);
  found.set(addon.package, folder);
  return folder;
}

/**
 * Node.js takes 2 to 3 ms to find a package by its name, five times what an addon takes to load, so
 * the usual place is looked at first.
 */
function findPackage({ package: name, file }: AddonName): string {
  checkDenoAllowsAddons();
  const from = file ? [file, ...moduleSearchRoots()] : moduleSearchRoots();
  for (const place of from) {
    const folders = foldersAbove(fileURLToPath(place));
    const installed = folders.map((folder) => join(folder, 'node_modules', name)).find((folder) => existsSync(folder));
    const folder = installed ?? folders.find((folder) => nameOf(folder) === name);
    if (folder) return folder;
    try {
      return dirname(requireFrom(place).resolve(`${name}/package.json`));
    } catch {
      // It is not there: the next place follows.
    }
  }
  throw new Error(
    `${name} is not in node_modules of ${fileURLToPath(from[0]!)} or above: a bundle does not hold the addon, so install ${name} beside it, or copy it there`,
  );
}

function foldersAbove(file: string): string[] {
  const folders: string[] = [];
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) folders.push(folder);
  return folders;
}

/** In this repository, packages are not in node_modules. */
function nameOf(folder: string): string | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name;
  } catch {
    return undefined;
  }
}

/** `require` as a file has it, given by its path or URL. */
function requireFrom(file: string) {
  return process.getBuiltinModule('node:module').createRequire(file);
}
