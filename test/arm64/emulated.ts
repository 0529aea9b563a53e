// Node.js for arm64, which QEMU emulates.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from 'mocha';
import { cannotTest, needsTools } from '../support/tools.js';
import { fetchNodeFor } from './fetch-node.js';

const EMULATOR = 'qemu-aarch64-static';
const LIBRARIES = '/usr/aarch64-linux-gnu';

/**
 * The command that starts it, with options of the emulator if any; goes on only where this can be
 * done.
 */
export function emulatedNode(context: Context, version: number): (...options: string[]) => [string, ...string[]] {
  needsTools(context, EMULATOR);
  // Debian's libc6-arm64-cross, libstdc++6-arm64-cross and, which Node.js 26 needs,
  // libatomic1-arm64-cross.
  for (const library of ['libc.so.6', 'libstdc++.so.6', ...(version >= 26 ? ['libatomic.so.1'] : [])]) {
    if (!existsSync(join(LIBRARIES, 'lib', library))) cannotTest(context, `${library} for arm64 is not installed`);
  }
  const node = fetchNodeFor('arm64', version);
  return (...options) => [EMULATOR, '-L', LIBRARIES, ...options, node];
}
