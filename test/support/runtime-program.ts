// fixtures/runtime-program from outside, started as people start theirs: node --import
// @sonde/node/register.
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Commands } from '../fixtures/runtime-program.js';
import { CalledProgram, type ProgramOptions } from './called-program.js';
import type { Scene } from './scene.js';

const PROGRAM = fileURLToPath(new URL('../fixtures/runtime-program.js', import.meta.url));

/**
 * By its file: a program finds a package's name from where it is started, and tests are started
 * anywhere.
 */
export const REGISTER = import.meta.resolve('@sonde/node/register');

export class RuntimeProgram extends CalledProgram<Commands> {
  private readonly folder: string;

  private constructor(scene: Scene, environment: Record<string, string>, options: ProgramOptions) {
    super(
      PROGRAM,
      // Function probes have tests of their own.
      { SONDE_DIR: scene.objects, ...environment },
      { ...options, execArgv: ['--import', REGISTER, ...(options.execArgv ?? [])] },
    );
    this.folder = scene.objects;
  }

  static async start(
    scene: Scene,
    environment: Record<string, string> = {},
    options: ProgramOptions = {},
  ): Promise<RuntimeProgram> {
    const program = new RuntimeProgram(scene, environment, options);
    scene.defer(() => program.kill());
    await program.call('ready');
    return program;
  }

  /** The probe object of provider `node`. */
  get object(): string {
    const link = join(this.folder, 'node.so');
    if (!existsSync(link)) throw new Error(`the program has no probes: there is no ${link}`);
    return link;
  }

  /** The same, and not the link to it: as the process has it mapped. */
  realObject(): Promise<string> {
    return realpath(this.object);
  }

  /** What bpftrace attaches to. */
  usdt(probe: string): string {
    return `usdt:${this.object}:node:${probe}`;
  }
}
