// DTrace for Linux, in a virtual machine: see test/vm.
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { NativeArgument } from './read-back.js';
import type { Scene } from './scene.js';
import { needsRoot } from './tools.js';
import type { TracedProgram } from './traced-program.js';
import { run, Tracer } from './tracer.js';

/** Runs a program of DTrace with the libraries that it needs. */
export const DTRACE = fileURLToPath(new URL('../../vm/guest/dtrace', import.meta.url));
const DEVICE = '/dev/dtrace/helper';

/** For the tests of a suite, runs the daemon that makes the device to which programs tell their probes. */
export function useDaemon(): void {
  let daemon: Tracer | undefined;
  before(async function () {
    needsRoot(this);
    daemon = await startDaemon();
  });
  after(async () => {
    await daemon?.stop();
  });
}

async function startDaemon(): Promise<Tracer> {
  const daemon = new Tracer(DTRACE, ['dtprobed', '-F']);
  while (!existsSync(DEVICE)) {
    if (daemon.endedAt !== undefined) throw new Error(`dtprobed ended. It wrote:\n${daemon.output}`);
    await setTimeout(50);
  }
  return daemon;
}

export async function version(): Promise<string> {
  return (await run(DTRACE, ['dtrace', '-V'])).trim();
}

/** Starts a D program, which prints what it is told and nothing else. */
export function dtrace(scene: Scene, program: string, ...options: string[]): Tracer {
  return scene.tracer(DTRACE, ['dtrace', '-q', ...options, '-n', program]);
}

/** Starts a script as a person does: it says how many probes it matched when it is there. */
export function dtraceScript(scene: Scene, path: string, ...parameters: string[]): Tracer {
  return scene.tracer(DTRACE, ['dtrace', '-s', path, ...parameters]);
}

/**
 * What dtrace lists of providers, which may be patterns. It fails when there is no probe of one of
 * them.
 */
export function list(providers: readonly string[], ...options: string[]): Promise<string> {
  return run(DTRACE, ['dtrace', '-l', ...options, ...providers.flatMap((provider) => ['-P', provider])]);
}

/** What a list has of each probe: provider, module, function and name. */
export function probesIn(listed: string): string[][] {
  const lines = listed.split('\n').filter((line) => /^ *\d+ /.test(line));
  return lines.map((line) => line.trim().split(/ +/).slice(1));
}

/** An action that shows each fire of smtp.sessionStart. */
export const SHOW_START = '{ printf("%d %s %d\\n", pid, copyinstr(arg0), arg1); }';

/** Waits until SHOW_START, or an action that shows knocks like it, is there for these processes. */
export async function attached(tracer: Tracer, ...programs: TracedProgram[]): Promise<void> {
  for (const program of programs) {
    await program.until(true);
    const knock = () => program.call('fire', 'smtp.sessionStart', 'knock', -1);
    await tracer.hears(knock, new RegExp(`^${program.pid} knock`, 'm'));
  }
}

/**
 * Ends it as Ctrl+C does, and gives it the time that it takes here to remove what it has put into
 * the kernel.
 */
export function ended(tracer: Tracer): Promise<string> {
  tracer.signal('SIGINT');
  return tracer.end();
}

/**
 * An action that prints what arguments of a probe are, as read-back.ts wants it; of memory, as many
 * bytes as told.
 */
export function print(name: string, list: readonly NativeArgument[], bytes: number): string {
  const actions = list.map(({ index, kind }) => printOne(kind, `arg${index}`, bytes));
  return `{ printf("<<${name}"); ${actions.join(' ')} printf(">>\\n"); }`;
}

function printOne(kind: NativeArgument['kind'], value: string, bytes: number): string {
  switch (kind) {
    case 'signed':
      return `printf("|%d", ${value});`;
    case 'unsigned':
      return `printf("|%u", ${value});`;
    case 'text':
      return `printf("|%s", copyinstr(${value}));`;
    case 'memory': {
      const each = Array.from({ length: bytes }, (_, index) => `*(uint8_t *)copyin(${value} + ${index}, 1)`);
      return `printf("|${'%02x'.repeat(bytes)}", ${each.join(', ')});`;
    }
  }
}
