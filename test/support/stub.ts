// A probe's stub in the memory of a traced process, seen from outside: neither by sonde nor by a
// tracer.
import { closeSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { run } from './tracer.js';

export class Stub {
  private readonly pid: number;
  private readonly address: number;

  private constructor(pid: number, address: number) {
    this.pid = pid;
    this.address = address;
  }

  static async find(pid: number, object: string, provider: string, probe: string): Promise<Stub> {
    return new Stub(pid, (await mappedAt(pid, object)) + (await stubOffset(object, provider, probe)));
  }

  firstByte(): number {
    const memory = openSync(`/proc/${this.pid}/mem`, 'r');
    try {
      const byte = new Uint8Array(1);
      readSync(memory, byte, 0, 1, this.address);
      return byte[0]!;
    } finally {
      closeSync(memory);
    }
  }

  /**
   * Looks at the first byte until it is as wanted; when the last look began that found it
   * otherwise, by process.hrtime.
   */
  async lastBefore(wanted: (byte: number) => boolean): Promise<bigint> {
    let last = process.hrtime.bigint();
    for (;;) {
      const now = process.hrtime.bigint();
      if (wanted(this.firstByte())) return last;
      last = now;
      await setTimeout(1);
    }
  }
}

/**
 * Where a probe is in its object, as readelf reads the symbols. A probe object's addresses are its
 * offsets in the file too, which is what the kernel's uprobes want.
 */
export async function stubOffset(object: string, provider: string, probe: string): Promise<number> {
  const symbols = await run('readelf', ['--dyn-syms', '--wide', object]);
  const [, value] = new RegExp(`: ([0-9a-f]+) .* ${provider}_${probe}$`, 'm').exec(symbols)!;
  return Number.parseInt(value!, 16);
}

async function mappedAt(pid: number, object: string): Promise<number> {
  const maps = await readFile(`/proc/${pid}/maps`, 'utf8');
  // The first mapping is that of the file's beginning.
  const line = maps.split('\n').find((line) => line.endsWith(` ${object}`));
  return Number.parseInt(line!, 16);
}
