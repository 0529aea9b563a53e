import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadOwnFile, type NativeValue } from '@sonde/core/internal';
import { type AddonName, addonFiles, addonFolder, compiledAddon, openAddon, packageFolder } from './addon-files.js';
import { explained } from './restrictions.js';

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
  watch(list: [code: Uint8Array, offsets: Uint32Array, untraced: number, file: string][], changed: () => void): void;
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
  untraced: number;
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

const ADDON: AddonName = { package: '@sonde/native', target: 'sonde' };

let binding: Binding | undefined;

/** Loads the addon, the first time. Throws when there is none for this platform. */
export function getBinding(): Binding {
  binding ??= explained(load);
  return binding;
}

function load(): Binding {
  const files = addonFiles(ADDON);
  if (files.length > 0) return openAddon<Binding>(files);
  throw new Error(
    buildDefault() === 'noop'
      ? 'sonde was built for noop, without an addon: npx @sonde/compile makes one'
      : `there is no addon for ${process.platform} on ${process.arch} in ${addonFolder(ADDON)}: ${remedy()}`,
  );
}

function remedy(): string {
  // Of @sonde/compile.
  const failed = join(addonFolder(ADDON), 'build/failed.log');
  return existsSync(failed) ? `compiling one failed, as ${failed} tells` : 'npx @sonde/compile makes one';
}

/** What the build was configured for: `auto` or the name of a backend. */
export function buildDefault(): string {
  try {
    if (existsSync(compiledAddon(ADDON))) return getBinding().backend;
    // Configured for noop, without an addon: it was written down.
    return JSON.parse(readFileSync(join(addonFolder(ADDON), 'build/Release/backend.json'), 'utf8'));
  } catch {
    // Not compiled here, so not configured here either; or in a bundle, without @sonde/native
    // beside it: then there is no addon either, and its backend will say so. So will it when the
    // addon cannot be loaded.
    return 'auto';
  }
}

const loaded: { dof?: unknown; elf?: unknown } = {};

/**
 * Code that few processes need: from `lib/<name>.cjs` of @sonde/native, when it is asked for. A
 * program would otherwise wait for V8 to read it.
 */
export function loadOnDemand(name: 'dof' | 'elf'): unknown {
  const file = join(packageFolder(ADDON), 'lib', `${name}.cjs`);
  loaded[name] ??= explained(() => loadOwnFile(file, (request) => process.getBuiltinModule(request)));
  return loaded[name];
}
