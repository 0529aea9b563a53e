// User events as the kernel recorded them: bytes, decoded by nothing but the event's own `format`
// file.
import { closeSync, constants, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { TraceInstance } from './uprobe-events.js';

const GROUP = 'user_events';
const PAGE = 4096;
/**
 * A page of the ring buffer begins with its time and how many bytes of it are used
 * (`struct buffer_data_page`).
 */
const PAGE_HEADER = 16;

// How an entry of the ring buffer begins: a length in words, or one of these
// (include/linux/ring_buffer.h).
const LENGTH_FOLLOWS = 0;
const PADDING = 29;
const TIME_EXTEND = 30;
const TIME_STAMP = 31;

export interface EventField {
  type: string;
  name: string;
  offset: number;
  size: number;
  signed: boolean;
}

/** What tracefs tells of an event. */
export interface EventFormat {
  id: number;
  /** Its own fields, in the event's order. */
  fields: EventField[];
}

export function readFormat(event: string): EventFormat {
  const text = readFileSync(`/sys/kernel/tracing/events/${GROUP}/${event}/format`, 'utf8');
  const pattern = /field:(.*) (\S+);\toffset:(\d+);\tsize:(\d+);\tsigned:([01]);/g;
  const fields = [...text.matchAll(pattern)].map(([, type, name, offset, size, signed]) => {
    return { type: type!, name: name!, offset: Number(offset), size: Number(size), signed: signed === '1' };
  });
  return {
    id: Number(/^ID: (\d+)$/m.exec(text)![1]),
    fields: fields.filter(({ name }) => !name.startsWith('common_')),
  };
}

/** One recorded event: integers as they are, texts as their bytes without the NUL. */
export type Recorded = Map<string, bigint | Buffer>;

/** Takes what is traced out of an instance's buffers. */
export class UserEventTrace extends TraceInstance {
  /** Of other events. */
  private left: Buffer[] = [];

  enableUserEvent(event: string, on: boolean): void {
    this.enable(GROUP, event, on);
  }

  /** What was traced of an event since last time, oldest first. */
  take(event: string): Recorded[] {
    const { id, fields } = readFormat(event);
    const entries = [...this.left, ...this.takeEntries()];
    const isOurs = (entry: Buffer) => entry.readUInt16LE(0) === id;
    this.left = entries.filter((entry) => !isOurs(entry));
    return entries.filter(isOurs).map((entry) => new Map(fields.map((field) => [field.name, value(entry, field)])));
  }

  private takeEntries(): Buffer[] {
    const entries: Entry[] = [];
    for (const cpu of readdirSync(`${this.folder}/per_cpu`)) {
      const file = openSync(`${this.folder}/per_cpu/${cpu}/trace_pipe_raw`, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        for (let page = readPage(file); page; page = readPage(file)) entries.push(...entriesOf(page));
      } finally {
        closeSync(file);
      }
    }
    return entries.sort((a, b) => (a.time < b.time ? -1 : 1)).map(({ data }) => data);
  }
}

/**
 * Memory of a process: an event has the address of `bytes`. The caller sees to it that the memory
 * is still there.
 */
export function readMemory(pid: number | 'self', address: bigint, length: bigint): Buffer {
  const memory = Buffer.alloc(Number(length));
  if (length === 0n) return memory;
  const file = openSync(`/proc/${pid}/mem`, 'r');
  try {
    readSync(file, memory, 0, memory.length, address);
  } finally {
    closeSync(file);
  }
  return memory;
}

function value(entry: Buffer, { type, offset, size, signed }: EventField): bigint | Buffer {
  if (type.startsWith('__data_loc ')) {
    const [at, length] = [entry.readUInt16LE(offset), entry.readUInt16LE(offset + 2)];
    if (entry[at + length - 1] !== 0) throw new Error('a text does not end with a NUL');
    return entry.subarray(at, at + length - 1);
  }
  const word = [...entry.subarray(offset, offset + size)].reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return signed ? BigInt.asIntN(8 * size, word) : word;
}

interface Entry {
  time: bigint;
  data: Buffer;
}

/** Undefined when there is nothing more. */
function readPage(file: number): Buffer | undefined {
  const page = Buffer.alloc(PAGE);
  try {
    return readSync(file, page) === 0 ? undefined : page;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}

function* entriesOf(page: Buffer): Generator<Entry> {
  let time = page.readBigUInt64LE(0);
  const end = PAGE_HEADER + (page.readUInt32LE(8) & 0xfffff);
  for (let at = PAGE_HEADER; at < end; ) {
    const head = page.readUInt32LE(at);
    const [kind, delta] = [head & 0x1f, BigInt(head >>> 5)];
    const next = page.readUInt32LE(at + 4);
    switch (kind) {
      case PADDING:
        if (delta === 0n) return;
        at += 4 + next;
        break;
      case TIME_EXTEND:
        time += delta + (BigInt(next) << 27n);
        at += 8;
        break;
      case TIME_STAMP:
        time = (BigInt(next) << 27n) + delta;
        at += 8;
        break;
      default: {
        time += delta;
        const start = kind === LENGTH_FOLLOWS ? at + 8 : at + 4;
        const stop = kind === LENGTH_FOLLOWS ? at + 4 + next : at + 4 + 4 * kind;
        yield { time, data: page.subarray(start, stop) };
        at = (stop + 3) & -4;
      }
    }
  }
}
