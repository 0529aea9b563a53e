import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { atEnd } from './ending.js';

const COMMAND = fileURLToPath(new URL('bin/sonde.js', import.meta.resolve('@sonde/cli/package.json')));

/**
 * Runs the command `sonde`, and returns what it prints.
 *
 * @param meanwhile is done while it traces, and then it is interrupted, as by Ctrl-C; without it, it
 * ends by itself
 */
export async function runSonde(parameters: readonly string[], meanwhile?: () => Promise<void>): Promise<string> {
  const child = spawn(process.execPath, [COMMAND, ...parameters], { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  atEnd(() => stop(child, closed));
  let output = '';
  let remarks = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const traces = new Promise<void>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (text) => {
      remarks += text;
      if (/Ctrl-C ends it/.test(remarks)) resolve();
    });
  });
  if (meanwhile) {
    const ended = closed.then(() => true);
    if (!(await Promise.race([traces.then(() => false), ended]))) {
      await meanwhile();
      child.kill('SIGINT');
    }
  }
  await closed;
  // Without a result it has said why.
  return child.exitCode === 0 ? output.trimEnd() : `${output}${remarks}`.trimEnd();
}

async function stop(child: ChildProcess, closed: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  await closed;
}
