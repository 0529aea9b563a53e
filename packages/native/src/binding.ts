import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NativeValue } from '@sonde/core';
import load from 'node-gyp-build';

/** What the addon exports: see src/fire.h and src/object.h. */
export interface Binding {
  fireFunction(code: Uint8Array, offset: number, kinds: Int32Array): (...values: NativeValue[]) => void;
  openObject(path: string, symbol: string, size: number): Uint8Array;
  memoryFile(name: string, content: Uint8Array): number;
}

const root = fileURLToPath(new URL('..', import.meta.url));

let binding: Binding | undefined;

/** Loads the addon, the first time. Throws when there is none for this platform. */
export function getBinding(): Binding {
  binding ??= load(root) as Binding;
  return binding;
}

/** What the build was configured for, as binding.gyp wrote it down: `auto` or the name of a backend. */
export function buildDefault(): string {
  try {
    return JSON.parse(readFileSync(join(root, 'build/Release/backend.json'), 'utf8'));
  } catch {
    // Not compiled here, so not configured here either.
    return 'auto';
  }
}
