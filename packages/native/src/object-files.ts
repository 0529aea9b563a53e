// Probe objects as files (own-files.ts): one file serves every process with that definition, so that one attachment by path traces them
// all, those still to be started too.
import { readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { log } from '@sonde/core';
import { isIntact } from '@sonde/elf';
import { getBinding } from './binding.js';
import { absolute, folders, PART, putFile } from './own-files.js';
import { reasonOf } from './restrictions.js';

const debug = log('object');

/** A probe object to be loaded. */
export interface ObjectFile {
  provider: string;
  /** Stands for the content, in hexadecimal digits. */
  key: string;
  /** Made only where the file is not there yet. */
  content(): Uint8Array;
  /** The code: its first symbol, and its size in bytes. */
  symbol: string;
  size: number;
}

export interface OpenObject {
  code: Uint8Array;
  /** The file that was mapped. */
  location: string;
  /** Why it is not where it would be otherwise. */
  reason?: string;
}

/**
 * Puts the object where it belongs, unless it is there, and maps it. Where no folder can be written, or holds code that
 * may be executed, it is mapped from memory: `/proc/<pid>/fd/<n>`, which most tracers accept but perf does not.
 *
 * @throws when even that fails
 */
export function openObject(object: ObjectFile): OpenObject {
  const reasons: string[] = [];
  for (const place of folders()) {
    try {
      const folder = absolute(place);
      const content = () => object.content();
      const { path: location } = putFile(folder, { name: fileName(object), content, isWhole: isIntact });
      const code = getBinding().openObject(location, object.symbol, object.size);
      linkNewest(folder, object.provider, location);
      return { code, location, ...because(reasons) };
    } catch (error) {
      const reason = reasonOf(error);
      reasons.push(reason);
      debug('%s: %s', place, reason);
    }
  }
  const descriptor = getBinding().memoryFile(fileName(object), object.content());
  // Not /proc/self: gdb would look for the file in its own descriptors, and wait there for ever.
  const location = `/proc/${process.pid}/fd/${descriptor}`;
  return { code: getBinding().openObject(location, object.symbol, object.size), location, ...because(reasons) };
}

const because = (reasons: string[]) => (reasons.length > 0 ? { reason: reasons.join('; ') } : {});

const fileName = ({ provider, key }: ObjectFile) => `${provider}-${key}.so`;

/** `<provider>.so`, for people: the object that was loaded last. Nothing depends on it. */
function linkNewest(folder: string, provider: string, location: string): void {
  const path = join(folder, `${provider}.so`);
  const target = basename(location);
  try {
    if (readLink(path) === target) return;
    const own = join(folder, `.${provider}.${process.pid}-${process.hrtime.bigint()}${PART}`);
    symlinkSync(target, own);
    renameSync(own, path);
  } catch (error) {
    debug('%s: %s', path, (error as Error).message);
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
