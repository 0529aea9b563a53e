// Who takes SIGUSR1 in a process. Node.js's own handler opens the inspector. Where there is no
// handler, the process would end; and where the program listens to the signal itself, it would do
// what it does then.
import { closeSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { type ElfFile, readElf } from '@sonde/elf';

/** On Linux, but for processors that Node.js does not run on. */
const SIGUSR1 = 10;

/** Whether there is any handler. @throws if the process has ended */
export function handlesSignal(pid: number): boolean {
  const [, caught] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return ((BigInt(`0x${caught ?? '0'}`) >> BigInt(SIGUSR1 - 1)) & 1n) === 1n;
}

/** Every build of Node.js exports it to addons, and no other runtime does. */
const OF_NODE = '_ZN4node9inspector5AgentC1EPNS_11EnvironmentE\0';

/**
 * Whether a process runs Node.js, under whichever name.
 *
 * @throws if its files may not be read
 */
export function isNode(pid: number): boolean {
  return filesOf(pid).some((file) =>
    reading(file, (elf) => {
      const names = elf.section('.dynstr');
      return names !== undefined && bufferOf(elf.data(names)).includes(OF_NODE);
    }),
  );
}

/**
 * Whether the program itself listens to SIGUSR1. Which function the kernel calls cannot be seen from
 * outside, but which signals libuv was asked for: it keeps them in a tree, whose root has a symbol.
 *
 * @returns undefined where that cannot be told: the symbols were stripped, or the memory may not be read
 */
export function programListens(pid: number): boolean | undefined {
  for (const file of filesOf(pid)) {
    const root = reading(file, (elf) => {
      const address = addressOf(elf, 'uv__signal_tree');
      // A program that is not position-independent has absolute addresses.
      return address === undefined ? undefined : elf.type === 2 ? address : file.start + address;
    });
    if (root === undefined) continue;
    try {
      return [...signalsBelow(pid, root)].includes(SIGUSR1);
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** `uv_signal_t` of libuv 1, on machines of 64 bits: `signum`, and `rbe_left` and `rbe_right` in it. */
const HANDLE = { size: 152, signal: 104, children: [112, 120] };

/** Nobody has more; a tree that is changed while it is read may lead in circles. */
const MOST_HANDLES = 10_000;

function* signalsBelow(pid: number, root: bigint): Iterable<number> {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    const read = (address: bigint, size: number) => {
      const bytes = Buffer.alloc(size);
      if (readSync(memory, bytes, 0, size, Number(address)) < size) throw new Error('the memory ends there');
      return bytes;
    };
    const ahead = [read(root, 8).readBigUInt64LE()];
    for (let count = 0; ahead.length > 0; count++) {
      const address = ahead.pop()!;
      if (address === 0n) continue;
      if (count > MOST_HANDLES) throw new Error('it is no tree');
      const handle = read(address, HANDLE.size);
      yield handle.readInt32LE(HANDLE.signal);
      for (const child of HANDLE.children) ahead.push(handle.readBigUInt64LE(child));
    }
  } finally {
    closeSync(memory);
  }
}

/** A file from which a process runs code. */
interface LoadedFile {
  /** Where this process reads it. */
  path: string;
  /** Where its first byte is in the memory. */
  start: bigint;
}

/** The program's file, and libraries that distributions take out of it. */
function filesOf(pid: number): LoadedFile[] {
  const executed = readlinkSync(`/proc/${pid}/exe`);
  const files = new Map<string, LoadedFile>();
  // proc_pid_maps(5). The first mapping of a file is of its beginning.
  for (const [, start, path] of readFileSync(`/proc/${pid}/maps`, 'latin1').matchAll(
    /^([0-9a-f]+)-\S+ \S+ 0+ \S+ \d+ +(\/.*)$/gm,
  )) {
    const isProgram = Buffer.from(path!, 'latin1').toString() === executed;
    if (files.has(path!) || !(isProgram || /^lib(node|uv)\.so/.test(basename(path!)))) continue;
    files.set(path!, {
      path: isProgram ? `/proc/${pid}/exe` : `/proc/${pid}/root${path}`,
      start: BigInt(`0x${start}`),
    });
  }
  return [...files.values()];
}

function reading<Result>({ path }: LoadedFile, read: (elf: ElfFile) => Result): Result | undefined {
  const descriptor = openSync(path, 'r');
  try {
    return read(readElf(descriptor));
  } catch {
    // It is no file that can be read so.
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}

/** A row of the symbol table, `Elf64_Sym`: the name's offset first, the value after 8 bytes. */
const SYMBOL_SIZE = 24;

/** Without making an object of each symbol: Node.js has 100,000. */
function addressOf(elf: ElfFile, name: string): bigint | undefined {
  const table = elf.section('.symtab');
  const strings = table && elf.sections[table.link];
  if (!strings) return undefined;
  const names = bufferOf(elf.data(strings));
  const rows = bufferOf(elf.data(table));
  // A compiler that optimises the whole program adds `.0`.
  for (const end of ['\0', '.0\0']) {
    const at = names.indexOf(`\0${name}${end}`);
    if (at < 0) continue;
    for (let row = 0; row + SYMBOL_SIZE <= rows.length; row += SYMBOL_SIZE) {
      if (rows.readUInt32LE(row) === at + 1) return rows.readBigUInt64LE(row + 8);
    }
  }
  return undefined;
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}
