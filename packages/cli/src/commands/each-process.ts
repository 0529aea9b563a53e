// What sonde attach and sonde detach have in common: they do something to each process that is meant.
import { processesOf } from '../doctor/process.js';
import { CommandError, EXIT } from '../error.js';
import type { TracedProcess } from '../model.js';
import { printable } from '../output/escape.js';
import { json } from '../output/json.js';

export interface AttachOptions {
  force?: boolean;
  json?: boolean;
}

/** What became of a process; everything but `text` and `remark` is for JSON. */
export interface Outcome {
  state: 'attached' | 'there' | 'detached' | 'none' | 'failed';
  /** Goes on where "process 4711" ends; the reason, if it failed. */
  text: string;
  remark?: string | undefined;
  [more: string]: unknown;
}

/** One after the other: they may have the same port for their inspectors. */
export async function forEachProcess(
  text: string,
  { json: asJson }: AttachOptions,
  act: (target: TracedProcess) => Promise<Outcome>,
): Promise<void> {
  const outcomes = [];
  for (const target of processesOf(text)) {
    const { pid, command } = target;
    const { outcome, exitCode } = await tried(target, act);
    if (exitCode !== EXIT.done) process.exitCode = exitCode;
    const { text: said, remark, ...rest } = outcome;
    const isFailed = outcome.state === 'failed';
    outcomes.push({ pid, command, ...rest, ...(isFailed ? { reason: said } : { remark }) });
    if (asJson) continue;
    if (isFailed) process.stderr.write(`sonde: process ${pid}: ${printable(said)}\n`);
    else console.log(printable(`process ${pid} ${said}`));
    if (remark !== undefined) process.stderr.write(`sonde: process ${pid}: ${printable(remark)}\n`);
  }
  if (asJson) console.log(json({ processes: outcomes }));
}

async function tried(
  target: TracedProcess,
  act: (target: TracedProcess) => Promise<Outcome>,
): Promise<{ outcome: Outcome; exitCode: number }> {
  try {
    const outcome = await act(target);
    return { outcome, exitCode: outcome.state === 'failed' ? EXIT.failed : EXIT.done };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { outcome: { state: 'failed', text: error.message }, exitCode: error.exitCode };
  }
}
