// Samples of the processor's time by bpftrace, where there is no perf.
import { isInPidNamespace } from '../../discovery/pid-namespace.js';
import { CommandError } from '../../error.js';
import { shellWord } from '../../output/escape.js';
import type { Recorded, RecordingEngine, Sample, StackRecording } from '../recording.js';
import { BpftraceProcess, type BpftraceRun, bpftraceCommand, checkBpftrace } from './process.js';
import { StackParser } from './stack-parser.js';

/** Different stacks; the kernel keeps no more of them, and that is told. */
const MOST_STACKS = 65_536;
/** Frames of a stack: the kernel's perf_event_max_stack. */
const DEEPEST = 127;

export const bpftraceSampling: RecordingEngine = {
  check: checkBpftrace,
  commands: (recorded, seconds) =>
    `timeout -s INT ${shellWord(String(seconds))} env ${bpftraceCommand(runOf(recorded))}`,
  async start(recorded) {
    checkBpftrace();
    const recording = new BpftraceRecording(recorded);
    await recording.attached;
    return recording;
  },
};

/** @throws {CommandError} if it records at events, or in another pid namespace */
function runOf({ pids, frequency, events }: Recorded): BpftraceRun {
  if (events) throw new CommandError('missing', 'bpftrace gives samples of time alone');
  if (isInPidNamespace())
    throw new CommandError('missing', 'bpftrace has the pids of the machine, and this is another pid namespace');
  const whose = pids.map((pid) => `pid == ${pid}`).join(' || ');
  const script = [
    `interval:ms:200 { printf("on\\n"); }`,
    `profile:hz:${frequency} /${whose}/ { @[kstack(perf, ${DEEPEST}), ustack(perf, ${DEEPEST}), pid] = count(); }`,
  ].join('\n');
  return { script, strings: 64, keys: MOST_STACKS, cachesSymbols: true };
}

class BpftraceRecording implements StackRecording {
  readonly ended: Promise<Error | undefined>;
  readonly attached: Promise<void>;
  remark: string | undefined;
  private readonly process: BpftraceProcess;
  private output = '';

  constructor(recorded: Recorded) {
    this.process = new BpftraceProcess(runOf(recorded), 'processes');
    this.ended = this.process.ended;
    this.attached = new Promise((resolve, reject) => {
      this.process.output.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        if (/^on$/m.test(text)) resolve();
      });
      this.ended.then(reject);
    });
    this.attached.catch(() => {});
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }

  async read(onSample: (sample: Sample) => void): Promise<number> {
    let stacks = 0;
    const parser = new StackParser((sample) => {
      stacks++;
      onSample(sample);
    });
    for (const line of this.output.split('\n')) parser.line(line);
    if (stacks >= MOST_STACKS) this.remark = `no more than ${MOST_STACKS} different stacks were counted`;
    return 0;
  }
}
