// fixtures/traced-program from outside.
import { fileURLToPath } from 'node:url';
import type { Commands, ProbeName } from '../fixtures/traced-program.js';
import { CalledProgram, type ProgramOptions } from './called-program.js';

const PROGRAM = fileURLToPath(new URL('../fixtures/traced-program.js', import.meta.url));

export class TracedProgram extends CalledProgram<Commands> {
  /** Its probes are defined. */
  readonly ready: Promise<void>;

  constructor(environment: Record<string, string>, options?: ProgramOptions) {
    super(PROGRAM, environment, options);
    this.ready = this.call('status').then(() => {});
  }

  /**
   * Waits until the program finds the probe enabled, or disabled; when that was, by process.hrtime.
   */
  until(enabled: boolean, probe: ProbeName = 'smtp.sessionStart'): Promise<bigint> {
    return this.call('until', enabled, probe);
  }

  /** The probe object of a provider. */
  async object(provider = 'smtp'): Promise<string> {
    const { providers } = await this.call('status');
    return providers.find(({ name }) => name === provider)!.location!;
  }
}
