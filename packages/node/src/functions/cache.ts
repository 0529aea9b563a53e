// What was made of sources, kept for other processes, beside probe objects and by the same rules
// (packages/native/src/private-files.ts): only what is ours is taken. Without such a folder, each
// process does it anew.
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type FoundFile, folderCandidates, type Place, putFile } from '@sonde/native';
import { log, messageOf } from 'sonde/internal';
import type { Places } from './functions.js';
import { markUsed, removeOld } from './old-files.js';

const debug = log('functions');

/** What is made of a source. */
export interface Made {
  code: string;
  functions: Places;
}

export class SourceCache {
  /** Where files are kept: the first place that can be used. Undefined: not looked for yet. */
  private folder: Place | undefined;
  private isOff = false;

  /**
   * @param hash names all that `make` makes it of, in hexadecimal digits
   * @throws what `make` throws
   */
  get(hash: string, make: () => Made | undefined): Made | undefined {
    const once = memoized(make);
    const put = this.put(`${hash}.js`, () => serialized(once.make()), isWhole);
    return put && !once.isMade() ? parsed(put.content) : once.make();
  }

  /** What there is. Nothing is made. */
  find(hash: string): Made | undefined {
    try {
      return this.get(hash, () => {
        throw NOT_THERE;
      });
    } catch (error) {
      if (error === NOT_THERE) return undefined;
      throw error;
    }
  }

  /**
   * The URL of a source map, as a source names it.
   *
   * @param make its text, of an object in JSON
   * @throws what `make` throws
   */
  map(hash: string, make: () => string): string {
    const once = memoized(make);
    const put = this.put(`${hash}.json`, () => signed(once.make()), isSigned);
    // Node.js takes no `file:`.
    if (put) return pathToFileURL(put.path).pathname;
    return `data:application/json;base64,${Buffer.from(once.make()).toString('base64')}`;
  }

  /** Undefined where there is no folder. */
  private put(
    name: string,
    content: () => Uint8Array,
    isWhole: (memory: ArrayBuffer, size: number) => boolean,
  ): FoundFile | undefined {
    if (this.isOff) return undefined;
    const made = memoized(content);
    for (const folder of this.folder === undefined ? candidates() : [this.folder]) {
      try {
        const put = putFile(folder, { name, content: made.make, isWhole });
        this.folder = folder;
        if (made.isMade()) removeOld(dirname(put.path), put.content.length);
        else markUsed(put.path);
        return put;
      } catch (error) {
        // Then the source is to blame, and no folder.
        if (made.hasFailed()) throw error;
        debug('%s: %s', folder.path, messageOf(error));
      }
    }
    this.isOff = this.folder === undefined;
    return undefined;
  }
}

const NOT_THERE = new Error('nobody made it');

const candidates = (): Place[] => folderCandidates().map(({ path, base }) => ({ path: join(path, 'functions'), base }));

interface Memoized<Value> {
  make(): Value;
  isMade(): boolean;
  hasFailed(): boolean;
}

function memoized<Value>(make: () => Value): Memoized<Value> {
  let made: { value: Value } | undefined;
  let isTrying = false;
  return {
    make() {
      if (!made) {
        isTrying = true;
        made = { value: make() };
        isTrying = false;
      }
      return made.value;
    },
    isMade: () => made !== undefined,
    hasFailed: () => isTrying,
  };
}

/**
 * A digest of what follows, how many functions there are and which, and the code. Nothing after the
 * digest: there are no functions.
 */
function serialized(made: Made | undefined): Uint8Array {
  const body = Buffer.from(made ? `${made.functions.count} ${made.functions.text}\n${made.code}` : '');
  return Buffer.concat([Buffer.from(`${digest(body)}\n`), body]);
}

function parsed(found: Uint8Array): Made | undefined {
  const bytes = Buffer.from(found.buffer, found.byteOffset, found.length);
  if (bytes.length === DIGEST + 1) return undefined;
  const end = bytes.indexOf('\n', DIGEST + 1);
  // Each for itself: a part of a text would keep all of it in memory.
  const [count] = bytes.toString('latin1', DIGEST + 1, DIGEST + 11).split(' ', 1) as [string];
  return {
    functions: { count: Number(count), text: bytes.toString('utf8', DIGEST + 2 + count.length, end) },
    code: bytes.toString('utf8', end + 1),
  };
}

/**
 * Not against forgery, for which the folder stands; but a disk that was full leaves half a file.
 */
function isWhole(memory: ArrayBuffer, size: number): boolean {
  if (size <= DIGEST) return false;
  const body = new Uint8Array(memory, DIGEST + 1, size - DIGEST - 1);
  return Buffer.from(memory, 0, DIGEST).toString('latin1') === digest(body);
}

/** An object whose last property is a digest of those before. */
function signed(json: string): Uint8Array {
  const body = Buffer.from(json.slice(0, -1));
  return Buffer.concat([body, Buffer.from(signature(body))]);
}

function isSigned(memory: ArrayBuffer, size: number): boolean {
  const length = size - signature(new Uint8Array()).length;
  if (length <= 0) return false;
  return Buffer.from(memory, length, size - length).toString('latin1') === signature(new Uint8Array(memory, 0, length));
}

const signature = (body: Uint8Array) => `,"x_sonde":"${digest(body)}"}`;

/** Of hexadecimal digits of SHA-1. */
const DIGEST = 40;

const digest = (content: Uint8Array): string =>
  process.getBuiltinModule('node:crypto').createHash('sha1').update(content).digest('hex');
