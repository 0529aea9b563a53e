// What `perf script` prints of these fields: for each sample a line with the process and the event, then
// a line for each frame, the innermost first, then an empty one.
import type { Frame } from '../../flame/stacks.js';

export interface Sample {
  pid: number;
  /** `cpu-clock`, or `GROUP:NAME`. */
  event: string;
  /** The outermost first. */
  frames: Frame[];
}

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
    if (this.header && this.frames.length > 0) this.onSample({ ...this.header, frames: this.frames.reverse() });
    this.header = undefined;
    this.frames = [];
  }
}

/**
 * `	    7f87277efe6e deliver /app/mail.js:12+0x1ae (/tmp/perf-28247.map)`. What lies in no executable
 * mapping is no frame: where code has no frame pointers, the chain of them ends in anything.
 */
function parseFrame(line: string): Frame | undefined {
  // Names may hold all of these characters, and the last offset is perf's.
  const [, , name, object] =
    /^\s*([0-9a-f]+) (.*)\+0x[0-9a-f]+ \((.*)\)$/.exec(line) ??
    /^\s*([0-9a-f]+) (\[unknown\]) \((.*)\)$/.exec(line) ??
    [];
  if (name === undefined || object === undefined || object === '[unknown]' || object.startsWith('//anon')) {
    return undefined;
  }
  if (/(?:^|\/)perf-\d+\.map$/.test(object)) {
    if (name === '[unknown]') return { name: '[JavaScript without a name]', kind: 'javascript' };
    return { name, kind: name.startsWith('builtin:') ? 'builtin' : 'javascript' };
  }
  const isKernel = object.startsWith('[') && object !== '[vdso]';
  if (name === '[unknown]') {
    const file = isKernel ? 'kernel' : (object.split('/').at(-1) ?? object);
    return { name: `[${file.replace(/^\[|\]$/g, '')}]`, kind: isKernel ? 'kernel' : 'native', object };
  }
  return { name, kind: isKernel ? 'kernel' : name.startsWith('Builtins_') ? 'builtin' : 'native', object };
}
