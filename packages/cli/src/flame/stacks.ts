// Stacks, and how often each was seen: what a flame graph is drawn of.

export type FrameKind = 'javascript' | 'builtin' | 'native' | 'kernel';

/** A function in a stack. */
export interface Frame {
  /** As it is shown: `deliver /app/mail.js:12`, `uv_run`. */
  name: string;
  kind: FrameKind;
  /** The file that it was loaded from, if it is not JavaScript. */
  object?: string;
}

export interface Stack {
  /** The outermost first. */
  frames: Frame[];
  count: number;
}

/** What was recorded, for every format. */
export interface Profile {
  /** For people: "node server.js (4711), 10 s". */
  title: string;
  /** What is counted: samples of the processor's time, or fires of a probe. */
  unit: 'samples' | 'fires';
  /** Samples a second, if it is samples. */
  frequency: number | undefined;
  /** When it began, in milliseconds since 1970. */
  startedAt: number;
  /** How long it took, in milliseconds. */
  duration: number;
  /** The most frequent first. */
  stacks: Stack[];
}

/** Adds stacks up. */
export class Stacks {
  private readonly frames = new Map<string, { frame: Frame; id: number }>();
  private readonly stacks = new Map<string, Stack>();

  add(frames: readonly Frame[], count = 1): void {
    const known = frames.map((frame) => this.intern(frame));
    const key = known.map(({ id }) => id).join(' ');
    const stack = this.stacks.get(key);
    if (stack) stack.count += count;
    else this.stacks.set(key, { frames: known.map(({ frame }) => frame), count });
  }

  /** The most frequent first, and by their frames where these are as frequent. */
  sorted(): Stack[] {
    return [...this.stacks.values()].sort((a, b) => b.count - a.count || (path(a) < path(b) ? -1 : 1));
  }

  private intern(frame: Frame): { frame: Frame; id: number } {
    const key = `${frame.kind} ${frame.object ?? ''} ${frame.name}`;
    let known = this.frames.get(key);
    if (!known) {
      known = { frame, id: this.frames.size };
      this.frames.set(key, known);
    }
    return known;
  }
}

export function total(stacks: readonly Stack[]): number {
  return stacks.reduce((sum, { count }) => sum + count, 0);
}

/** Where a function of JavaScript stands: `deliver /app/mail.js:12` has it in its name. */
export function sourceOf({ name, kind }: Frame): { name: string; file?: string; line?: number } {
  if (kind !== 'javascript') return { name };
  const [, called, file, line] = /^(.*) ((?:\/|node:|file:).*):(\d+)$/s.exec(name) ?? [];
  return called === undefined ? { name } : { name: called, file: file!, line: Number(line) };
}

/** A frame, and what it called. */
export interface TreeNode {
  name: string;
  kind: FrameKind | 'root';
  /** Of all stacks that it is in. */
  value: number;
  children: TreeNode[];
}

/** All stacks from their common root on. */
export function treeOf(stacks: readonly Stack[]): TreeNode {
  const root: TreeNode = { name: 'all', kind: 'root', value: total(stacks), children: [] };
  const called = new Map<TreeNode, Map<Frame, TreeNode>>([[root, new Map()]]);
  for (const { frames, count } of stacks) {
    let node = root;
    for (const frame of frames) {
      const known = called.get(node)!;
      let next = known.get(frame);
      if (!next) {
        next = { name: frame.name, kind: frame.kind, value: 0, children: [] };
        known.set(frame, next);
        called.set(next, new Map());
        node.children.push(next);
      }
      next.value += count;
      node = next;
    }
  }
  return root;
}

function path({ frames }: Stack): string {
  return frames.map(({ name }) => name).join('\n');
}
