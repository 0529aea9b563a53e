// A program with sonde's recorder in the place of a tracer: what every probe of provider `node` was
// fired with.
import type { ProgramOptions } from './called-program.js';
import { RuntimeProgram } from './runtime-program.js';
import type { Scene } from './scene.js';

export type Values = Record<string, number | bigint | boolean | string>;

/** The program, and what asks for all that one of its probes was fired with. */
export async function recordedProgram(scene: Scene, options: ProgramOptions = {}) {
  const program = await RuntimeProgram.start(scene, {}, options);
  await program.call('record');
  const of = async (probe: string) =>
    (await program.call('fired')).filter((fired) => fired.probe === probe).map(({ values }) => values as Values);
  return { program, of };
}

export const isId = (value: unknown) => typeof value === 'number' && value > 0;
/** In nanoseconds, of something that happened in a test. */
export const isDuration = (value: unknown) => typeof value === 'number' && value > 1000 && value < 30e9;
export const show = (value: unknown) => JSON.stringify(value);
