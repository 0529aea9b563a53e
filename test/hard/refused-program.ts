// Defines providers and fires when the test says so, with all the code for that loaded before.
import { int32, json, provider, status, string } from 'sonde';
import { answerCalls } from '../support/called-program.js';

let count = 0;

const commands = {
  /** From here on the kernel refuses a system call: see test/hard/refuse.c. */
  refuse(): void {
    process.kill(process.pid, 'SIGUSR2');
  },

  /** Defines another provider and fires; where it is, and why it is not elsewhere. */
  define(): { location?: string; reason?: string } {
    const name = `memory${'x'.repeat(++count)}`;
    const own = provider(name, { done: [string('peer'), int32('port')], value: [json('value')] });
    for (let i = 0; i < 100; i++) {
      own.done.fire('10.0.0.7', 25);
      own.value.fire({ i });
    }
    const { location, reason } = status().providers.find((each) => each.name === name)!;
    return { ...(location !== undefined && { location }), ...(reason !== undefined && { reason }) };
  },
};

export type Commands = typeof commands;

// In a file that is made, and in memory.
commands.define();
const { SONDE_DIR } = process.env;
process.env.SONDE_DIR = '/proc/nowhere';
commands.define();
process.env.SONDE_DIR = SONDE_DIR;
commands.define();
answerCalls(commands);
