import type { Frame } from '../../flame/stacks.js';
import { frameOf, type Sample } from '../recording.js';

/**
 * What bpftrace prints of `@[kstack(perf), ustack(perf), pid] = count()`: for each stack `@[`, then
 * lines of frames, the innermost first, with a comma between the two stacks, then `, PID]: COUNT`.
 */
export class StackParser {
  private frames: Frame[] | undefined;
  private isUser = false;
  private readonly onSample: (sample: Sample) => void;

  constructor(onSample: (sample: Sample) => void) {
    this.onSample = onSample;
  }

  line(text: string): void {
    if (/^@\w*\[/.test(text)) {
      this.frames = [];
      this.isUser = /^@\w*\[,/.test(text);
      return;
    }
    if (!this.frames) return;
    const [, pid, count] = /^, (\d+)\]: (\d+)$/.exec(text) ?? [];
    if (pid !== undefined) {
      const frames = this.frames.reverse();
      // What has no frame left says nothing.
      if (frames.length > 0) this.onSample({ pid: Number(pid), event: 'cpu-clock', frames, count: Number(count) });
      this.frames = undefined;
    } else if (/^, *$/.test(text)) {
      this.isUser = true;
    } else {
      const frame = this.isUser ? userFrame(text) : kernelFrame(text);
      if (frame) this.frames.push(frame);
    }
  }
}

/** `	7f4c18050d6f hash /app/mail.js:4+1327 (/tmp/perf-22428.map)`; names may hold all of these characters. */
function userFrame(line: string): Frame | undefined {
  const [, address, name, object] = /^\s*([0-9a-f]+) (.*) \((.*)\)$/.exec(line) ?? [];
  if (name === undefined || object === undefined) return undefined;
  return frameOf(name === `0x${address}` ? undefined : name.replace(/\+\d+$/, ''), object);
}

/** `	ffffffff81000130 entry_SYSCALL_64_after_hwframe+118` */
function kernelFrame(line: string): Frame | undefined {
  const [, address, name] = /^\s*([0-9a-f]+) (.*)$/.exec(line) ?? [];
  if (name === undefined) return undefined;
  return frameOf(name === `0x${address}` ? undefined : name.replace(/\+\d+$/, ''), '[kernel]');
}
