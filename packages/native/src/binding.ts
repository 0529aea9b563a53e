import type { NativeValue } from '@sonde/core';

/** What the addon exports: see src/fire.h and src/object.h. */
export interface Binding {
  fireFunction(code: Uint8Array, offset: number, kinds: Int32Array): (...values: NativeValue[]) => void;
  openObject(path: string, symbol: string, size: number): Uint8Array;
  memoryFile(name: string, content: Uint8Array): number;
}

let binding: Binding | undefined;

/** Loads the addon, the first time. Throws when there is none for this platform. */
export function getBinding(): Binding {
  binding ??= addon().load();
  return binding;
}

/** What the build was configured for: `auto` or the name of a backend. */
export function buildDefault(): string {
  try {
    return addon().buildDefault();
  } catch {
    // In a bundle, without @sonde/native beside it: there is no addon either, and its backend will say so.
    return 'auto';
  }
}

function addon(): { load(): Binding; buildDefault(): string } {
  return process.getBuiltinModule('node:module').createRequire(import.meta.url)('@sonde/native/addon');
}
