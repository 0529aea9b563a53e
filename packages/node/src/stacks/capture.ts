// `stack` arguments by the addon: about twice as fast as by V8's Error. Exact lines, inlined
// functions included. Not there, unlike in V8's own stacks: what was called before an `await`,
// functions that are built in, and the class of a method.
import { getAddon } from '../addon.js';

/** The addon is loaded by the first. Undefined where V8's own is wanted, or near the top. */
// biome-ignore lint/complexity/noBannedTypes: any function at all.
export function captureStack(depth: number, below: Function): string | undefined {
  // Node.js was told to show original places, which V8's own formatting does then.
  if ((process as { sourceMapsEnabled?: boolean }).sourceMapsEnabled) return undefined;
  return getAddon().captureStack(depth, below);
}
