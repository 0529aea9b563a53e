// An application in one file of CommonJS, as snapshots and single executables need it.
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import type { Scene } from '../support/scene.js';

/** For the tracer in the bundle. */
export const TRACER = {
  SONDE_TEST_SELFTRACE: fileURLToPath(new URL('../../selftrace/build/Release/selftrace.node', import.meta.url)),
};

/**
 * Bundles an application, given as its text, with all of sonde but the addon. Returns the bundle's
 * path.
 */
export function bundle({ folder }: Scene, application: string): string {
  const path = join(folder, 'application.cjs');
  buildSync({
    stdin: { contents: application, resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
    outfile: path,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    // Of import.meta, which is not there in CommonJS; sonde does without.
    logOverride: { 'empty-import-meta': 'silent' },
  });
  return path;
}

/** Puts @sonde/native into the node_modules of a folder, the bundle's own as it were. */
export function installNative({ folder }: Pick<Scene, 'folder'>): void {
  mkdirSync(join(folder, 'node_modules/@sonde'), { recursive: true });
  const native = fileURLToPath(new URL('../', import.meta.resolve('@sonde/native')));
  symlinkSync(native, join(folder, 'node_modules/@sonde/native'));
}
