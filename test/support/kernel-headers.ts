// bcc compiles C against the kernel's headers, of which it needs little: the layout of registers.
// Where those of the running kernel are not to be had (it is not the distribution's), those of
// another one serve.
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import type { Scene } from './scene.js';

const SOURCES = '/usr/src';
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, { debian: string; linux: string }>> = {
  x64: { debian: 'amd64', linux: 'x86' },
  arm64: { debian: 'arm64', linux: 'arm64' },
};

/**
 * Whether there are any: the running kernel's, or Debian's package linux-headers-amd64 or -arm64.
 */
export function hasKernelHeaders(): boolean {
  return hasOwn() || debianHeaders() !== undefined;
}

/** The environment in which bcc finds them. */
export function kernelHeaders(scene: Scene): Record<string, string> {
  const found = debianHeaders();
  if (hasOwn() || found === undefined) return {};
  // Debian has one folder for all architectures and one for each; bcc takes a single one from
  // outside: they are merged.
  const merged = join(scene.folder, 'kernel');
  for (const folder of ['include', `arch/${found.architecture}/include`]) {
    mkdirSync(join(merged, folder), { recursive: true });
    for (const source of [found.common, found.own]) {
      for (const name of readdirSync(join(source, folder))) {
        symlinkSync(join(source, folder, name), join(merged, folder, name));
      }
    }
  }
  return { BCC_KERNEL_SOURCE: merged };
}

function hasOwn(): boolean {
  return existsSync(`/lib/modules/${release()}/build`) || existsSync('/sys/kernel/kheaders.tar.xz');
}

function debianHeaders(): { own: string; common: string; architecture: string } | undefined {
  const architecture = ARCHITECTURES[process.arch];
  if (!architecture || !existsSync(SOURCES)) return undefined;
  const ending = `-${architecture.debian}`;
  const name = readdirSync(SOURCES).find((name) => name.startsWith('linux-headers-') && name.endsWith(ending));
  if (name === undefined) return undefined;
  const own = join(SOURCES, name);
  return { own, common: `${own.slice(0, -ending.length)}-common`, architecture: architecture.linux };
}
