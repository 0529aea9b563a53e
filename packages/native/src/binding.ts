import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type NativeValue, places } from '@sonde/core/internal';
import { checkDenoAllowsAddons, explained } from './restrictions.js';

/** What the addon exports: see addon/fire.h, addon/events.h, addon/dtrace.h and addon/object.h. */
export interface Binding {
  /** What the build was configured for: `auto` or the name of a backend. */
  backend: string;
  openFire(): { memory: ArrayBuffer; fire: readonly Fire[]; fireAgain: readonly Fire[] };
  makeProbe(
    code: Uint8Array,
    offset: number,
    kinds: Int32Array,
    ...event: [Events, number, Int32Array] | []
  ): NativeProbe;
  openEvents(path: string, descriptions: string[]): { events: Events; enabled: Uint8Array };
  closeEvents(events: Events): void;
  checkRoom(): void;
  openObject(path: string, symbol: string, size: number): Uint8Array;
  openDtrace(): Dtrace;
  registerDof(definition: {
    key: string;
    provider: string;
    module: string;
    names: readonly string[];
    dof: Uint8Array;
    addresses: Uint32Array;
    offsets: Uint32Array;
  }): { stubs: number[]; registration: Registration };
  unregisterDof(registration: Registration): void;
  openMemoryObject(
    folder: string,
    name: string,
    symbol: string,
    size: number,
    content?: Uint8Array,
  ): { code: Uint8Array; path: string; visible: Visible } | undefined;
  hideMemoryObject(visible: Visible): void;
}

export type Fire = (...values: NativeValue[]) => void;

/** What is fired: its address, which is good while it is held. */
export interface NativeProbe {
  address: bigint;
  probe: { readonly probe: unique symbol };
}

/** The system's DTrace, and the stubs that are compiled into the addon. */
export interface Dtrace {
  code: Uint8Array;
  distance: number;
  nop: number;
  resting: number;
  /** Of DOF. */
  version: number;
  /** How many arguments of a probe D reads by number. */
  arguments: number;
}

/** That an object in memory is to be found by tracers: nothing but the addon looks into it. */
export type Visible = { readonly visible: unique symbol };

/** Probes that the system's DTrace knows by DOF: nothing but the addon looks into it. */
export type Registration = { readonly registration: unique symbol };

/** User events that are registered: nothing but the addon looks into it. */
export type Events = { readonly events: unique symbol };

let binding: Binding | undefined;

/** Loads the addon, the first time. Throws when there is none for this platform. */
export function getBinding(): Binding {
  binding ??= explained(load);
  return binding;
}

function load(): Binding {
  // Where node-gyp-build looks too; but it takes longer to look than the addon takes to load, and so does require.
  const there = [compiledAddon(), ...prebuiltAddons()].filter((file) => existsSync(file));
  const errors: Error[] = [];
  for (const file of there) {
    try {
      return open(file);
    } catch (error) {
      errors.push(error as Error);
    }
  }
  if (errors[0]) throw errors[0];
  try {
    return open(requireFromPackage('node-gyp-build').path(addonFolder()));
  } catch (error) {
    throw new Error(
      buildDefault() === 'noop'
        ? 'sonde was built for noop, without an addon: npx @sonde/compile makes one'
        : `there is no addon for ${process.platform} on ${process.arch} in ${addonFolder()}: ${remedy()}`,
      { cause: error },
    );
  }
}

function remedy(): string {
  // Of @sonde/compile.
  const failed = join(addonFolder(), 'build/failed.log');
  return existsSync(failed) ? `compiling one failed, as ${failed} tells` : 'npx @sonde/compile makes one';
}

/** Unlike with require, another copy of this module in this thread, as test runners make, has what the addon keeps for itself. */
function open(file: string): Binding {
  const addon = { exports: {} };
  process.dlopen(addon, file);
  return addon.exports as Binding;
}

/** What the build was configured for: `auto` or the name of a backend. */
export function buildDefault(): string {
  try {
    if (existsSync(compiledAddon())) return getBinding().backend;
    // Configured for noop, without an addon: it was written down.
    return JSON.parse(readFileSync(join(addonFolder(), COMPILED, 'backend.json'), 'utf8'));
  } catch {
    // Not compiled here, so not configured here either; or in a bundle, without @sonde/native beside it: then there is no
    // addon either, and its backend will say so. So will it when the addon cannot be loaded.
    return 'auto';
  }
}

/**
 * Code that few processes need: from `lib/<name>.cjs` of @sonde/native, when it is asked for. A program would otherwise wait for V8
 * to read it.
 */
export function late(name: 'dof' | 'elf'): unknown {
  return explained(() => requireFromPackage(`./lib/${name}.cjs`));
}

const COMPILED = join('build', 'Release');

/**
 * Where @sonde/native lies: the addon is there, wherever this TypeScript ends up, since other packages inline it. Node.js
 * takes 2 to 3 ms to find a package by its name, five times what the addon takes to load, so the usual place is looked at
 * first.
 */
function packageFolder(): string {
  folder ??= findPackage();
  return folder;
}

let folder: string | undefined;

function findPackage(): string {
  checkDenoAllowsAddons();
  const from = places();
  for (const place of from) {
    for (let above = dirname(fileURLToPath(place)); above !== dirname(above); above = dirname(above)) {
      const folder = join(above, 'node_modules', '@sonde', 'native');
      if (existsSync(folder)) return folder;
    }
    try {
      return dirname(requireFrom(place).resolve('@sonde/native/package.json'));
    } catch {
      // Not there: the next place.
    }
  }
  throw new Error(
    `@sonde/native is not in node_modules of ${fileURLToPath(from[0]!)} or above: a bundle does not hold the addon, so install @sonde/native beside it, or copy it there`,
  );
}

const addonFolder = () => join(packageFolder(), 'addon');

const compiledAddon = () => join(addonFolder(), COMPILED, 'sonde.node');

/** As prebuildify names them; of Linux's two kinds this system's first. */
function prebuiltAddons(): string[] {
  const { platform, arch } = process;
  const tags = platform === 'linux' ? (isAlpine() ? ['.musl', '.glibc'] : ['.glibc', '.musl']) : [''];
  return tags.map((tag) => join(addonFolder(), 'prebuilds', `${platform}-${arch}`, `@sonde+native${tag}.node`));
}

function isAlpine(): boolean {
  try {
    return existsSync('/etc/alpine-release');
  } catch {
    // Node.js's permission model lets nobody look: then both kinds are tried.
    return false;
  }
}

const requireFromPackage = (name: string) => requireFrom(join(packageFolder(), 'package.json'))(name);

/** `require` as a file has it, given by its path or URL. */
const requireFrom = (file: string) => process.getBuiltinModule('node:module').createRequire(file);
