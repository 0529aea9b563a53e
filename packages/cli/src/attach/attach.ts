// Attaches to processes: they get @sonde/node while they run, or lose it again. What is done at the
// process itself, another process does (errand.ts).
import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { CommandError } from '../error.js';
import type { TracedProcess } from '../model.js';
import type { Errand, Report } from './errand.js';
import { checkSettings, type ExamineOptions, examine } from './examine.js';
import type { WatchRequest } from './in-target.js';

export type Done = Report & { kind: 'done' };

/**
 * @param watch functions that it is to watch from then on, for as long as they are traced
 * @throws {CommandError} with the reason, where it cannot be
 */
export async function attach(target: TracedProcess, options: ExamineOptions, watch?: WatchRequest): Promise<Done> {
  checkSettings(target);
  const { started, port } = examine(target, options);
  return send({ what: 'load', pid: target.pid, started, port, ...(watch && { watch }) });
}

/** @throws {CommandError} with the reason, where it cannot be */
export async function detach(target: TracedProcess, options: ExamineOptions): Promise<Done> {
  const { started, port } = examine(target, options);
  return send({ what: 'detach', pid: target.pid, started, port });
}

/** Has somebody do it who goes to the end of it, whatever becomes of this process. */
async function send(errand: Errand): Promise<Done> {
  let known: string[] | undefined;
  let last: Report | undefined;
  const ended = await run(errand, (report) => {
    if (report.kind === 'opening') known = report.known;
    else last = report;
  });
  if (!ended && known) await run({ ...errand, what: 'close', known }, () => {});
  if (last?.kind === 'done') return last;
  throw explained(errand, last);
}

/** @returns whether it came to its own end, or said what there is to say */
function run(errand: Errand, onReport: (report: Report) => void): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const [command, ...args] = [
      ...inNetworkOf(errand.pid),
      process.execPath,
      process.argv[1]!,
      '__errand',
      JSON.stringify(errand),
    ];
    const child = spawn(command!, args, {
      // Signals of the terminal do not reach it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: '/',
    });
    let errors = '';
    child.stderr.on('data', (data) => {
      errors += data;
    });
    child.on('error', reject);
    createInterface(child.stdout).on('line', (line) => {
      const report = JSON.parse(line) as Report;
      onReport(report);
      if (report.kind !== 'opening') {
        // It may stay to close the inspector later.
        child.unref();
        child.stdout.destroy();
        child.stderr.destroy();
        resolve(true);
      }
    });
    child.on('close', (code, signal) => {
      if (code !== 0 && signal === null) reject(new CommandError('failed', errors.trim() || `it ended with ${code}`));
      resolve(signal === null);
    });
  });
}

/** What starts a program where the process has its loopback, if that is another one. */
function inNetworkOf(pid: number): string[] {
  const differs = (name: string) => readlinkSync(`/proc/${pid}/ns/${name}`) !== readlinkSync(`/proc/self/ns/${name}`);
  if (!differs('net')) return [];
  const user =
    process.geteuid!() !== 0 && differs('user') ? ['--preserve-credentials', `--user=/proc/${pid}/ns/user`] : [];
  return ['nsenter', ...user, `--net=/proc/${pid}/ns/net`, '--'];
}

function explained({ port }: Errand, report: Report | undefined): CommandError {
  if (report?.kind !== 'failed') return new CommandError('failed', 'what attaches was ended; the inspector is closed');
  switch (report.reason) {
    case 'port': {
      const who = report.portOwner ? `process ${report.portOwner}` : 'another process';
      return new CommandError('failed', `its inspector needs port ${port}, which ${who} listens on; close that first`);
    }
    case 'closed':
      return new CommandError(
        'failed',
        `its inspector did not open at port ${port}: its main thread is busy with something other than JavaScript, or its inspector is open at another port; should it open later, it is closed at once`,
      );
    case 'busy':
      return new CommandError('failed', 'its main thread was busy all the time, so nothing was done; try again');
    default:
      return new CommandError('failed', report.message!);
  }
}
