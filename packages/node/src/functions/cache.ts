// What was made of sources, kept for other processes, beside probe objects and by the same rules (packages/native/src/own-files.ts): only what is
// ours is taken. Without such a folder, each process does it anew.
import { folderCandidates, type Place, putFile } from '@sonde/native';
import { log } from 'sonde';
import { messageOf } from './message.js';
import { markUsed, removeOld } from './old-files.js';
import type { Instrumented } from './transform.js';

const debug = log('functions');

/** What can be made of a source, or undefined. */
type Make = () => Instrumented | undefined;

export class SourceCache {
  /** Where files are kept: the first place that can be used. Undefined: not looked for yet. */
  private folder: Place | undefined;
  private isOff = false;

  /**
   * @param hash names all that `make` makes it of, in hexadecimal digits
   * @throws what `make` throws
   */
  get(hash: string, make: Make): Instrumented | undefined {
    if (this.isOff) return make();
    if (this.folder !== undefined) return this.from(this.folder, hash, make);
    const { join } = process.getBuiltinModule('node:path');
    const tried = once(make);
    for (const place of folderCandidates()) {
      try {
        const folder = { ...place, path: join(place.path, 'functions') };
        const result = kept(folder, hash, tried);
        this.folder = folder;
        return result;
      } catch (error) {
        if (tried.failed) throw error;
        debug('%s: %s', place.path, messageOf(error));
      }
    }
    this.isOff = true;
    return tried.make();
  }

  private from(folder: Place, hash: string, make: Make): Instrumented | undefined {
    const tried = once(make);
    try {
      return kept(folder, hash, tried);
    } catch (error) {
      if (tried.failed) throw error;
      debug('%s: %s', folder.path, messageOf(error));
      return tried.make();
    }
  }
}

interface Once {
  make: Make;
  /** Whether it threw: the source is to blame, and no folder. */
  failed: boolean;
  made: { result: Instrumented | undefined } | undefined;
}

function once(make: Make): Once {
  const tried: Once = {
    failed: false,
    made: undefined,
    make() {
      if (tried.made) return tried.made.result;
      tried.failed = true;
      const result = make();
      tried.failed = false;
      tried.made = { result };
      return result;
    },
  };
  return tried;
}

function kept(folder: Place, hash: string, tried: Once): Instrumented | undefined {
  const { dirname } = process.getBuiltinModule('node:path');
  const made = () => serialized(tried.make());
  const { path, content } = putFile(folder, { name: `${hash}.js`, content: made, isWhole });
  if (tried.made) {
    removeOld(dirname(path));
    return tried.made.result;
  }
  markUsed(path);
  return parsed(content);
}

/** A digest of what follows, a line of functions, and the code. Nothing after the digest: there are no functions. */
function serialized(result: Instrumented | undefined): Uint8Array {
  const places = result?.functions.map(({ name, line, column }) => [name, line, column]);
  const body = Buffer.from(result ? `${JSON.stringify(places)}\n${result.code}` : '');
  return Buffer.concat([Buffer.from(`${digest(body)}\n`), body]);
}

function parsed(found: Uint8Array): Instrumented | undefined {
  const text = Buffer.from(found.buffer, found.byteOffset, found.length).toString('utf8', DIGEST + 1);
  if (text === '') return undefined;
  const end = text.indexOf('\n');
  const places = JSON.parse(text.slice(0, end)) as [string, number, number][];
  return { code: text.slice(end + 1), functions: places.map(([name, line, column]) => ({ name, line, column })) };
}

/** Not against forgery, for which the folder stands; but a disk that was full leaves half a file. */
function isWhole(memory: ArrayBuffer, size: number): boolean {
  if (size <= DIGEST) return false;
  const body = new Uint8Array(memory, DIGEST + 1, size - DIGEST - 1);
  return Buffer.from(memory, 0, DIGEST).toString('latin1') === digest(body);
}

/** Of hexadecimal digits of SHA-1. */
const DIGEST = 40;

const digest = (content: Uint8Array): string =>
  process.getBuiltinModule('node:crypto').createHash('sha1').update(content).digest('hex');
