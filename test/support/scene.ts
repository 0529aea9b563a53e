// A test's scene: the traced programs and tracers on it, and the folder they share. Whatever was
// brought on is taken off after the test, the last first and also when the test failed: a tracer
// before the program that it traces.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'mocha';
import type { ProgramOptions } from './called-program.js';
import { TracedProgram } from './traced-program.js';
import { Tracer } from './tracer.js';

export class Scene {
  /** The test's own folder, for whatever it writes. */
  readonly folder: string;
  private readonly environment: Record<string, string>;
  private readonly releases: (() => unknown)[] = [];

  constructor(folder: string, environment: Record<string, string>) {
    this.folder = folder;
    this.environment = environment;
  }

  /** To be done after the test. */
  defer(release: () => unknown): void {
    this.releases.push(release);
  }

  /** Starts fixtures/traced-program. Its probe objects lie in this scene's folder. */
  async program(environment: Record<string, string> = {}, options?: ProgramOptions): Promise<TracedProgram> {
    const program = new TracedProgram({ SONDE_DIR: this.objects, ...this.environment, ...environment }, options);
    this.defer(() => program.kill());
    await program.ready;
    return program;
  }

  /** Starts a tracer. */
  tracer(command: string, args: readonly string[], environment: Record<string, string> = {}): Tracer {
    const tracer = new Tracer(command, args, environment);
    this.defer(() => tracer.stop());
    return tracer;
  }

  /** SONDE_DIR of its programs. */
  get objects(): string {
    return join(this.folder, 'objects');
  }

  async end(): Promise<void> {
    for (const release of this.releases.splice(0).reverse()) await release();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** In a suite: a scene for each of its tests, and an environment for all programs on it. */
export function useScene(environment: Record<string, string> = {}): { readonly current: Scene } {
  let scene: Scene | undefined;
  beforeEach('sets the scene', async () => {
    scene = new Scene(await mkdtemp(join(tmpdir(), 'sonde-test-')), environment);
  });
  afterEach('clears the scene', async () => {
    await scene?.end();
  });
  return {
    get current() {
      return scene!;
    },
  };
}
