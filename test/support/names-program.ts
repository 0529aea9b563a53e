// fixtures/names-program from outside.
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Context } from 'mocha';
import type { Commands } from '../fixtures/names-program.js';
import { CalledProgram, type ProgramOptions } from './called-program.js';
import { REGISTER } from './runtime-program.js';
import type { Scene } from './scene.js';
import { cannotTest } from './tools.js';

const PROGRAM = fileURLToPath(new URL('../fixtures/names-program.js', import.meta.url));

export interface NamesOptions extends ProgramOptions {
  env?: Record<string, string>;
  /**
   * The folder that is /tmp for it, in a mount namespace of its own; the system's where it is left
   * out.
   */
  tmp?: string;
}

export class NamesProgram extends CalledProgram<Commands> {
  private readonly tmp: string;
  /** Its number where it lives. */
  private number = 0;

  private constructor(scene: Scene, { env, tmp, execArgv = [], ...options }: NamesOptions) {
    super(
      PROGRAM,
      { SONDE_DIR: scene.objects, SONDE_BACKEND: 'noop', SONDE_REQUIRE: '0', ...env },
      { ...options, execArgv: ['--import', REGISTER, ...execArgv] },
    );
    this.tmp = tmp ?? '/tmp';
  }

  static async start(scene: Scene, options: NamesOptions = {}): Promise<NamesProgram> {
    const before = Date.now();
    const program = new NamesProgram(scene, options);
    scene.defer(async () => {
      await program.kill();
      for (const file of [program.map, program.dump]) rmSync(file, { force: true, recursive: true });
    });
    program.number = await program.call('pid');
    // Of a dead process with the same number; in a folder of its own, it would be of one that runs.
    for (const file of options.tmp === undefined ? [program.map, program.dump] : []) {
      if ((lstatSync(file, { throwIfNoEntry: false })?.mtimeMs ?? before) < before) rmSync(file);
    }
    return program;
  }

  get map(): string {
    return `${this.tmp}/perf-${this.number}.map`;
  }

  get dump(): string {
    return `${this.tmp}/jit-${this.number}.dump`;
  }

  names(): string {
    return existsSync(this.map) ? readFileSync(this.map, 'utf8') : '';
  }

  /** Waits until the map holds this. */
  async shows(text: string): Promise<void> {
    await until(() => this.names().includes(text), `the map has ${text}`);
  }
}

export async function until(condition: () => boolean | Promise<boolean>, what: string, ms = 10_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await setTimeout(50);
  }
}

/** Goes on only where what is tested is not in the folder that {@link withTmp} replaces. */
export function needsOtherFolderThanTmp(context: Context): void {
  const here = fileURLToPath(import.meta.url);
  if (here.startsWith('/tmp/')) cannotTest(context, `${here} is in /tmp, which the programs are to have another of`);
}

/**
 * What runs a program with a folder of the scene as its /tmp, which everybody may write to; and
 * more of the shell before it.
 */
export function withTmp(folder: string, { pid = false, before = '' } = {}): string[] {
  const script = `mount --bind "$0" /tmp; ${before} exec "$@"`;
  return [
    'unshare',
    '--mount',
    ...(pid ? ['--pid', '--fork', '--kill-child', '--mount-proc'] : []),
    'sh',
    '-ec',
    script,
    folder,
  ];
}

export function makeTmp(folder: string): string {
  mkdirSync(folder);
  chmodSync(folder, 0o1777);
  return folder;
}
