// What `perf script` prints of these fields: for each sample a line with the process and the event, then
// a line for each frame, the innermost first, then an empty one.
import type { Frame } from '../../flame/stacks.js';
import { frameOf, type Sample } from '../recording.js';

/** The fields that are parsed, as perf wants them to be asked for. */
export const FIELDS = 'pid,event,ip,sym,symoff,dso';

export class SampleParser {
  /** Samples that perf had no room for. */
  lost = 0;
  private header: Pick<Sample, 'pid' | 'event'> | undefined;
  private frames: Frame[] = [];
  private readonly onSample: (sample: Sample) => void;

  constructor(onSample: (sample: Sample) => void) {
    this.onSample = onSample;
  }

  line(text: string): void {
    if (text.trim() === '') {
      this.end();
      return;
    }
    const [, pid, event] = /^ *(\d+) +(\S+): *$/.exec(text) ?? [];
    if (pid !== undefined) {
      this.end();
      this.header = { pid: Number(pid), event: event! };
      return;
    }
    const [, lost] = /\bPERF_RECORD_LOST(?:_SAMPLES)?\b.* lost (\d+)/.exec(text) ?? [];
    if (lost !== undefined) {
      this.lost += Number(lost);
      return;
    }
    const frame = parseFrame(text);
    if (frame) this.frames.push(frame);
  }

  /** What has no frame left says nothing. */
  end(): void {
    if (this.header && this.frames.length > 0)
      this.onSample({ ...this.header, frames: this.frames.reverse(), count: 1 });
    this.header = undefined;
    this.frames = [];
  }
}

/** `	    7f87277efe6e deliver /app/mail.js:12+0x1ae (/tmp/perf-28247.map)` */
function parseFrame(line: string): Frame | undefined {
  // Names may hold all of these characters, and the last offset is perf's.
  const [, , name, object] =
    /^\s*([0-9a-f]+) (.*)\+0x[0-9a-f]+ \((.*)\)$/.exec(line) ??
    /^\s*([0-9a-f]+) (\[unknown\]) \((.*)\)$/.exec(line) ??
    [];
  if (name === undefined || object === undefined) return undefined;
  return frameOf(name === '[unknown]' ? undefined : name, object);
}
