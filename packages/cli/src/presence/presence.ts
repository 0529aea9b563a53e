// Switches a presence probe on without a tracer: a probe that never fires, and that a program takes
// for switched on while the first byte of its stub is another one than in the file
// (docs/stacks.md). It is written through /proc/PID/mem, which the user of the process may do, and
// root.
//
// The byte that is written is one of ours, and no breakpoint, so that whose it is can be told at any
// time. A tracer that attaches meanwhile replaces it by a breakpoint, and puts the file's byte there
// when it leaves, as it does in any case; then ours is written again as long as it is wanted. So is
// it when another command like this one leaves. And when the wish is over, the file's byte is put
// back only where ours still stands. Nothing of this is atomic: a tracer that attaches within the
// microseconds between the look and the write is not seen by this process until it attaches again.
//
// Who puts it back is a shell that outlives this process, however that ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { Probe, TracedObject, TracedProcess } from '../model.js';

/**
 * Our byte, by the one that it replaces, which is the first of the `nop` that stubs begin with. What
 * comes out is an instruction that does nothing, too, should it ever run.
 */
const MARKS: Record<'x64' | 'arm64', Record<number, number>> = {
  x64: {
    // `nop; ret` becomes `ds ret`.
    144: 0x3e,
    // The nop of 5 bytes becomes `mov $0x441f, %eax`, a register that belongs to who is called.
    15: 0xb8,
    // The nop of 10 bytes gets another prefix.
    102: 0x3e,
  },
  // `nop` becomes `yield`.
  arm64: { 31: 0x3f },
};

/** How often it is looked whether it still stands. */
const LOOK_MS = 100;

// $1 is the address, $2 our byte, $3 what it replaces, as octal digits. Descriptors 3 and 4 are the
// memory of the process, whose place this shell alone moves. They do not lead to another process that
// gets the same number.
const PUT_BACK = `
trap '' INT TERM HUP QUIT PIPE
cat >/dev/null
now=$(dd bs=1 count=1 skip="$1" <&3 2>/dev/null | od -An -to1 | tr -d ' ')
[ "$now" = "$2" ] || exit 0
printf "\\\\$3" | dd bs=1 count=1 seek="$1" conv=notrunc >&4 2>/dev/null
`;

export class Presence {
  private readonly memory: number;
  private readonly address: number;
  private readonly mark: number;
  private readonly generated: number;
  private readonly shell: ChildProcess;
  private readonly timer: NodeJS.Timeout;

  /** @throws if the memory of the process may not be written */
  constructor({ pid, mappings }: TracedProcess, object: TracedObject, probe: Probe) {
    const mapping = mappings.get(object.id);
    if (!mapping || !object.architecture) throw new Error('its object is not mapped');
    this.address = Number(mapping.start) + probe.offset - mapping.fileOffset;
    this.generated = byteOfFile(object.content, probe.offset);
    const mark = MARKS[object.architecture][this.generated];
    if (mark === undefined)
      throw new Error(`its object begins probes with the byte ${this.generated}, which is unknown`);
    this.mark = mark;
    this.memory = openSync(`/proc/${pid}/mem`, 'r+');
    const opened = [this.memory];
    try {
      const [reading, writing] = [openSync(`/proc/${pid}/mem`, 'r'), openSync(`/proc/${pid}/mem`, 'r+')];
      opened.push(reading, writing);
      const octal = [this.mark, this.generated].map((byte) => byte.toString(8).padStart(3, '0'));
      this.shell = spawn('/bin/sh', ['-c', PUT_BACK, 'sonde-put-back', String(this.address), ...octal], {
        // Signals of the terminal do not reach it.
        detached: true,
        stdio: ['pipe', 'ignore', 'ignore', reading, writing],
        cwd: '/',
        // Nothing that a user has in his own; it must find cat, dd, od and tr.
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      });
      this.shell.on('error', () => {});
      this.shell.stdin!.on('error', () => {});
      this.shell.unref();
      for (const descriptor of opened.splice(1)) closeSync(descriptor);
      if (this.shell.pid === undefined) throw new Error('/bin/sh cannot be started');
      this.write();
    } catch (error) {
      for (const descriptor of opened) closeSync(descriptor);
      throw error;
    }
    // A program that waits for nothing looks when the object is opened.
    closeSync(openSync(object.content, 'r'));
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.timer.unref();
  }

  /** Puts the byte back, if it is ours that stands there. */
  async end(): Promise<void> {
    clearInterval(this.timer);
    closeSync(this.memory);
    if (this.shell.exitCode !== null || this.shell.signalCode !== null) return;
    this.shell.ref();
    const ended = once(this.shell, 'exit');
    this.shell.stdin!.end();
    await ended;
  }

  private look(): void {
    try {
      this.write();
    } catch {
      // The process has ended.
      clearInterval(this.timer);
    }
  }

  private write(): void {
    const byte = Buffer.alloc(1);
    // It has ended.
    if (readSync(this.memory, byte, 0, 1, this.address) === 0) throw new Error('the process has ended');
    // Somebody else wants the same already, or still.
    if (byte[0] !== this.generated) return;
    byte[0] = this.mark;
    writeSync(this.memory, byte, 0, 1, this.address);
  }
}

function byteOfFile(path: string, offset: number): number {
  const file = openSync(path, 'r');
  try {
    const byte = Buffer.alloc(1);
    if (readSync(file, byte, 0, 1, offset) === 0) throw new Error(`${path} ends before its probe`);
    return byte[0]!;
  } finally {
    closeSync(file);
  }
}
