// sonde's own functions in a stack: at its end a probe's function, and what calls it.
import { isProbeObject } from '../discovery/processes.js';
import { type Frame, sourceOf } from './stacks.js';

/**
 * Files of sonde's packages: where they are installed, in this repository, and where their source
 * maps lead to, which know the folders of the packages by their short names.
 */
const OWN =
  /\/(?:node_modules\/sonde|@sonde\/[a-z-]+|(?:node_modules|packages|@sonde)\/(?:core|dof|dtrace|dtrace-provider|ebpf|elf|native|node|noop|sonde|systemtap|usdt))\/(?:src|lib|dist)\/[^/].*\.[cm]?[jt]s$/;

/**
 * The frames without those, the outermost first; all of them, if no probe fired there. Between those
 * at the end lies what V8 and Node.js have for calls from one language into the other. In the middle
 * is what runs a function of the program as an operation.
 */
export function withoutOwn(frames: readonly Frame[]): readonly Frame[] {
  let end = frames.length;
  const innermost = frames.at(-1)?.object;
  if (innermost === undefined || !isProbeObject(innermost)) return frames;
  for (let index = frames.length - 1; index >= 0; index--) {
    const frame = frames[index]!;
    if (isOwn(frame)) end = index;
    else if (frame.kind === 'javascript' || frame.kind === 'kernel') break;
  }
  return frames.slice(0, end).filter((frame) => !isOwn(frame));
}

function isOwn(frame: Frame): boolean {
  if (frame.object !== undefined)
    return isProbeObject(frame.object) || /\/(?:@sonde\+\S+|sonde)\.node$/.test(frame.object);
  const { file } = sourceOf(frame);
  return file !== undefined && OWN.test(file);
}
