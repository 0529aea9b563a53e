// bpftrace, and its language for what tests read.
import assert from 'node:assert/strict';
import { type NativeArgument, readBack } from './read-back.js';
import type { Scene } from './scene.js';
import type { TracedProgram } from './traced-program.js';
import type { Tracer } from './tracer.js';

/** Starts a bpftrace program; of one process only, if that is given. */
export function bpftrace(scene: Scene, program: string, pid?: number): Tracer {
  return scene.tracer('bpftrace', [...(pid === undefined ? [] : ['-p', String(pid)]), '-e', program]);
}

/** What `-lv` shows of the functions in smtp's object. */
export const listedFunctions = (object: string) => `uprobe:${object}:smtp_session__done
    const char* peer
    uint64_t bytes
    int32_t ok
uprobe:${object}:smtp_session__start
    const char* peer
    int32_t port
`;

/** An action that shows each fire of smtp.sessionStart. */
export const SHOW_START = '{ printf("%d %s %d\\n", pid, str(arg0), arg1); }';

/** An action that keeps count of the fires of smtp.sessionStart, all but knocks. */
export const COUNT_START =
  '{ if (arg1 == -1) { printf("%d knock\\n", pid); } else { @fires[pid] = count(); @ports[pid] = sum(arg1); } }';

/** Waits until an action above is there for smtp.sessionStart of these processes. */
export async function attached(tracer: Tracer, ...programs: TracedProgram[]): Promise<void> {
  for (const program of programs) {
    await program.until(true);
    const knock = () => program.call('fire', 'smtp.sessionStart', 'knock', -1);
    await tracer.hears(knock, new RegExp(`^${program.pid} knock`, 'm'));
  }
}

/** Ends it, and returns what COUNT_START kept. */
export async function counted(tracer: Tracer, { pid }: TracedProgram): Promise<{ fires: number; ports: number }> {
  const output = await tracer.stop();
  const count = (map: string) => {
    const [, kept] = new RegExp(`^@${map}\\[${pid}\\]: (\\d+)$`, 'm').exec(output) ?? [];
    assert.ok(kept !== undefined, `bpftrace kept nothing in @${map} of ${pid}:\n${output}`);
    return Number(kept);
  };
  return { fires: count('fires'), ports: count('ports') };
}

/** On x86-64; what does not fit into six registers lies above the return address. */
const REGISTERS = 6;

/** What its actions below printed, with the bytes of memory as plain hexadecimal digits. */
export function readByBpftrace(output: string): string[] {
  return readBack(output.replace(/\\x(?=[0-9a-f]{2})/g, ''));
}

/**
 * An action that prints what arguments of a probe are, as read-back.ts wants it: by their numbers.
 */
export function printNumbered(name: string, list: readonly NativeArgument[]): string {
  return print(name, list, ({ index }) => `arg${index}`);
}

/** The same for the stub's own function, whose parameters have names. */
export function printNamed(name: string, list: readonly NativeArgument[]): string {
  return print(name, list, (argument) => `args->${argument.name}`);
}

function print(name: string, list: readonly NativeArgument[], register: (argument: NativeArgument) => string): string {
  const read = (argument: NativeArgument) => (argument.index < REGISTERS ? register : stack)(argument);
  const actions = list.map((argument, index) => printOne(argument, read(argument), () => read(list[index + 1]!)));
  return `{ printf("<<${name}"); ${actions.join(' ')} printf(">>\\n"); }`;
}

/**
 * bpftrace 0.17 has neither numbers nor names for what lies on the stack: it is read from there.
 */
function stack({ index, kind, bits }: NativeArgument): string {
  const type = kind === 'signed' ? `int${bits}` : `uint${bits}`;
  return onStack(index, type);
}

/** An argument after the sixth. */
export function onStack(index: number, type: string): string {
  return `*(${type} *)(reg("sp") + ${8 * (index - REGISTERS + 1)})`;
}

function printOne({ kind }: NativeArgument, value: string, length: () => string): string {
  switch (kind) {
    // No casts: how wide it is, and whether it has a sign, is for bpftrace to know.
    case 'signed':
      return `printf("|%lld", ${value});`;
    case 'unsigned':
      return `printf("|%llu", ${value});`;
    case 'text':
      return `printf("|%s", str(${value}));`;
    case 'memory':
      return `printf("|%r", buf(${value}, ${length()}));`;
  }
}
