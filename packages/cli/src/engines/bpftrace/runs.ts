// A question may need several bpftraces: one for what is there at the beginning, and one for each
// time when more of it comes.
import { existsSync } from 'node:fs';
import type { Following } from '../../discovery/follow.js';
import { isInPidNamespace } from '../../discovery/pid-namespace.js';
import type { Selection } from '../../discovery/select.js';
import { CommandError } from '../../error.js';
import type { Question } from '../../question/question.js';
import type { BpftraceProcess } from './process.js';

/** The processes that are meant, by a condition or by an option; neither means all. */
export interface Whom {
  pids?: readonly number[] | undefined;
  only?: number;
}

export interface Run {
  readonly process: BpftraceProcess;
  /** Resolves when all its probes are there, and rejects if it ends before. */
  readonly attached: Promise<void>;
}

export class Runs<Each extends Run> {
  readonly all: Each[] = [];
  /** Resolves if one that was attached ends by itself. */
  readonly failed: Promise<Error>;
  private readonly question: Question;
  private readonly make: (selections: readonly Selection[], whom: Whom) => Each;
  private fail: (error: Error) => void = () => {};
  private following: Following | undefined;

  constructor(question: Question, make: (selections: readonly Selection[], whom: Whom) => Each) {
    this.question = question;
    this.make = make;
    this.failed = new Promise((resolve) => {
      this.fail = resolve;
    });
  }

  /** @throws {CommandError} if bpftrace cannot; then none is left */
  async start(): Promise<void> {
    const { selections, pids } = this.question;
    try {
      await this.run(selections, pids);
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.following = this.question.follow((more) => {
      // Others that have the same objects are traced already.
      const newPids = this.question.pids ? more.pids : undefined;
      const wanted =
        newPids && newPids.length > 0 ? [...this.question.selections, ...more.selections] : more.selections;
      if (wanted.length > 0) this.run(wanted, newPids).catch(() => {});
    });
  }

  async stop(): Promise<void> {
    this.following?.stop();
    await Promise.all(this.all.map(({ process }) => process.stop()));
  }

  /** Traces what is there: an object may go with its process, and bpftrace then traces nothing at all. */
  private async run(selections: readonly Selection[], pids: readonly number[] | undefined): Promise<void> {
    const there = selections.filter(({ object }) => existsSync(object.path));
    if (there.length === 0) throw new CommandError('nothing', 'what has the probes is gone');
    try {
      await this.runAll(there, pids);
    } catch (error) {
      if (there.every(({ object }) => existsSync(object.path))) throw error;
      await this.run(there, pids);
    }
  }

  private async runAll(selections: readonly Selection[], pids: readonly number[] | undefined): Promise<void> {
    const started = parts(selections, pids).map(({ those, whom }) => this.make(those, whom));
    this.all.push(...started);
    await Promise.all(started.map(({ attached }) => attached));
    for (const { process } of started) process.ended.then((error) => error && this.fail(error));
  }
}

/** By -p bpftrace takes one process, whatever number that has for the kernel, and no more than one. */
export function parts(
  selections: readonly Selection[],
  pids: readonly number[] | undefined,
): { those: readonly Selection[]; whom: Whom }[] {
  if (!pids || !isInPidNamespace()) return [{ those: selections, whom: { pids } }];
  return pids.flatMap((pid) => {
    const those = selections.filter(({ object }) => object.processes.some((each) => each.pid === pid));
    return those.length === 0 ? [] : [{ those, whom: { only: pid } }];
  });
}
