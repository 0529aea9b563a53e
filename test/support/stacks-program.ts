// fixtures/stacks-program from outside, and what tracers print of its stacks.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Commands } from '../fixtures/stacks-program.js';
import { CalledProgram, type ProgramOptions } from './called-program.js';
import { REGISTER } from './runtime-program.js';
import type { Scene } from './scene.js';
import type { Tracer } from './tracer.js';

const PROGRAM = fileURLToPath(new URL('../fixtures/stacks-program.js', import.meta.url));
/** Where its sources are, which is what its source maps say. */
const SOURCES = fileURLToPath(new URL('../../fixtures/', import.meta.url));

export class StacksProgram extends CalledProgram<Commands> {
  private readonly folder: string;

  private constructor(scene: Scene, environment: Record<string, string>, options: ProgramOptions) {
    super(PROGRAM, { SONDE_DIR: scene.objects, ...environment }, { execArgv: ['--import', REGISTER], ...options });
    this.folder = scene.objects;
  }

  static async start(
    scene: Scene,
    environment: Record<string, string> = {},
    options: ProgramOptions = {},
  ): Promise<StacksProgram> {
    const program = new StacksProgram(scene, environment, options);
    scene.defer(async () => {
      await program.kill();
      program.removeFiles();
    });
    await program.call('status');
    return program;
  }

  /** `usdt:PATH:node:stacks__on` */
  usdt(provider: 'node' | 'frames', probe: string): string {
    return `usdt:${this.object(provider)}:${provider}:${probe}`;
  }

  object(provider: 'node' | 'frames'): string {
    return join(this.folder, `${provider}.so`);
  }

  get map(): string {
    return `/tmp/perf-${this.pid}.map`;
  }

  removeMap(): void {
    rmSync(this.map, { force: true });
  }

  /** What `perf inject --jit` made of its jitdump. */
  removeInjected(): void {
    for (const name of readdirSync('/tmp').filter((name) => name.startsWith(`jitted-${this.pid}-`)))
      rmSync(`/tmp/${name}`);
  }

  /** What it leaves when it ends with names on. */
  removeFiles(): void {
    for (const file of [this.map, `/tmp/jit-${this.pid}.dump`]) rmSync(file, { force: true });
  }
}

/**
 * bpftrace, which keeps the stacks of `frames:here` and tells each fire. It switches JavaScript's
 * names on. Without its cache, it would read all symbols of node for each frame that it prints.
 */
export function stackTracer(scene: Scene, program: StacksProgram): Tracer {
  const script = `${program.usdt('node', 'stacks__on')} {}
    ${program.usdt('frames', 'here')} { @[str(arg0), ustack] = count(); printf("%s\\n", str(arg0)); }`;
  return scene.tracer('bpftrace', ['-e', script], { BPFTRACE_CACHE_USER_SYMBOLS: '1' });
}

/** What it printed at its end: stacks, innermost frame first, without offsets. */
export function readStacks(output: string): { kind: string; frames: string[] }[] {
  return [...output.matchAll(/^@\[([\w ]+), \n([\s\S]*?)^\]: \d+$/gm)].map(([, kind, stack]) => ({
    kind: kind!,
    frames: stack!
      .trim()
      .split('\n')
      .map((frame) => frame.trim().replace(/\+\d+$/, '')),
  }));
}

/**
 * `FUNCTION FILE:LINE` of a function of the program, where its source has it: at the first line
 * with this text.
 */
export function placeOf(name: string, text = `function ${name}(`, file = 'stacks-program.ts'): string {
  const path = join(SOURCES, file);
  const lines = readFileSync(path, 'utf8').split('\n');
  const line = lines.findIndex((each) => each.includes(text)) + 1;
  if (line === 0) throw new Error(`there is no ${text} in ${path}`);
  return `${name} ${path}:${line}`;
}
