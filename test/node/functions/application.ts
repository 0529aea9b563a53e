// An application in a folder of its own, run with what @sonde/node puts into its functions, and a
// recorder in the place of a tracer.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FunctionsStatus } from '@sonde/node';
import { REGISTER } from '../../support/runtime-program.js';
import type { Scene } from '../../support/scene.js';

/**
 * What was fired: `> file function line` for an entry, `< function` for a return and `! function`
 * for one that threw.
 */
export interface Outcome {
  exitCode: number | null;
  stdout: string;
  stderr: string;
  fired: string[];
  /** Of each return, in order. */
  ns: number[];
  status: FunctionsStatus;
  /** Whether the parser was loaded. */
  parsed: boolean;
}

export class Application {
  readonly folder: string;
  private readonly scene: Scene;

  /**
   * @param files by their paths; all functions have probes where package.json says nothing of them
   */
  constructor(scene: Scene, files: Record<string, string>) {
    this.scene = scene;
    this.folder = join(scene.folder, 'app');
    const manifest = { sonde: { functions: true }, ...JSON.parse(files['package.json'] ?? '{}') };
    for (const [path, text] of Object.entries(files)) this.write(path, text);
    this.write('package.json', JSON.stringify(manifest));
    writeFileSync(join(scene.folder, 'record.mjs'), RECORD);
  }

  write(path: string, text: string): void {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** @param options of Node.js, after those for the recorder */
  run(
    main: string,
    environment: Record<string, string> = {},
    options = ['--import', REGISTER],
    args: string[] = [],
  ): Outcome {
    const recorded = join(this.scene.folder, 'recorded.json');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', join(this.scene.folder, 'record.mjs'), ...options, join(this.folder, main), ...args],
      {
        cwd: this.folder,
        encoding: 'utf8',
        timeout: 20_000,
        env: { ...process.env, SONDE_DIR: this.scene.objects, RECORDED: recorded, ...environment },
      },
    );
    const told = JSON.parse(readFileSync(recorded, 'utf8'));
    const fired = (told.fired as { probe: string; values: Record<string, string | number | boolean> }[]).filter(
      ({ probe }) => probe.startsWith('function'),
    );
    return {
      exitCode: status,
      stdout,
      stderr,
      fired: fired.map(({ probe, values }) => {
        if (probe === 'function__entry') {
          return `> ${String(values.file).replace(`${this.folder}/`, '')} ${values.function} ${values.line}`;
        }
        return `${values.threw ? '!' : '<'} ${values.function}`;
      }),
      ns: fired.flatMap(({ probe, values }) => (probe === 'function__return' ? [Number(values.ns)] : [])),
      status: told.status,
      parsed: told.parsed,
    };
  }
}

const RECORD = `
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { record } from '${import.meta.resolve('sonde/testing')}';
import { status } from '${import.meta.resolve('@sonde/node')}';
const recorder = record();
let parsed = false;
// Nobody else reads it.
const fs = process.getBuiltinModule('node:fs');
const { readFileSync } = fs;
fs.readFileSync = function (path) {
  parsed ||= String(path).includes('acorn');
  return Reflect.apply(readFileSync, this, arguments);
};
process.getBuiltinModule('node:module').syncBuiltinESMExports();
process.on('exit', () => {
  if (!isMainThread) return;
  writeFileSync(process.env.RECORDED, JSON.stringify({ fired: recorder.fired, status: status().functions, parsed }));
});
globalThis.recorder = recorder;
`;
