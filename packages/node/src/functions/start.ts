import { type Provider, status } from 'sonde';
import type { functionProbes } from '../probes.js';
import { selectFiles } from './files.js';
import { install } from './firing.js';
import { count, type InstrumentedFile, makeKnown, whenUnknown } from './functions.js';
import { hookCommonJs, hookModules } from './hooks.js';
import { type Instrumenter, instrumenter } from './instrumenter.js';
import { type LiveStatus, liveStatus, watchLive, wishes } from './live.js';
import { mapped } from './mapped.js';
import { type FunctionSettings, readLiveSettings, readSettings } from './options.js';
import { showOwnText } from './shown-text.js';
import { Skipped, type SkippedFiles } from './skipped.js';

/** What became of the functions of this thread. */
export interface FunctionsStatus extends SkippedFiles {
  at: FunctionSettings['at'];
  returns: FunctionSettings['returns'];
  patterns: readonly string[];
  /** What patterns are relative to. */
  root: string;
  /** That have probes now; of a file that was loaded again, the newest version. */
  files: number;
  functions: number;
  /**
   * Why functions have no probes though they were to have them, or which setting was passed over.
   */
  reason?: string;
  /** Functions that were asked for by name, in SONDE_LIVE or by `functions.watch`. */
  live: LiveStatus;
}

interface Current {
  settings: FunctionSettings;
  skipped: Skipped;
  count(): { files: number; functions: number };
  reason?: string;
  instrumenter?: Instrumenter;
}

let current: Current | undefined;

/** A snapshot. Undefined where {@link start} was not called. */
export function functionsStatus(): FunctionsStatus | undefined {
  if (!current) return undefined;
  const { settings, skipped, reason } = current;
  const { at, patterns, root, returns, ignored } = settings;
  const why = [...(reason === undefined ? [] : [reason]), ...ignored].join('; ');
  return {
    at,
    returns,
    patterns,
    root,
    ...current.count(),
    ...skipped.list(),
    ...(why !== '' && { reason: why }),
    live: liveStatus(),
  };
}

/**
 * What runs of a file that has this text, if functions in it have probes: in another thread as
 * well, if that can be told.
 *
 * @param path of the file
 */
export function runningText(path: string, text: string): string | undefined {
  return current?.instrumenter?.loaded(text, path);
}

/** From now on, what is loaded has probes in its functions, if it is to have them. */
export function startFunctions(node: Provider<typeof functionProbes>): void {
  const settings = readSettings();
  const skipped = new Skipped();
  current = { settings, skipped, count };
  startLive(node, settings.ignored);
  if (settings.at === 'off') return;
  const provider = status().providers.find(({ name }) => name === 'node');
  if (!provider?.probes.some(({ tracer, enabled }) => tracer !== '' || enabled)) {
    current.reason = `nobody can trace them: ${provider?.reason ?? status().reason ?? 'the backend is noop'}`;
    return;
  }
  if (process.env.NODE_V8_COVERAGE) {
    current.reason =
      'NODE_V8_COVERAGE is set, and coverage would count what is inserted into functions: unset it to trace them';
    return;
  }
  const check = install(node);
  const { root, patterns, returns } = settings;
  const wants = selectFiles(root, patterns);
  const told = {
    made(firstId: number, file: InstrumentedFile) {
      makeKnown(firstId, file);
      skipped.remove(file.name);
    },
    skipped: (file: string, reason: string) => skipped.add(file, reason),
  };
  const made = instrumenter({ wants, returns, check, maps: mapped, ...told });
  current.instrumenter = made;
  showOwnText();
  hookCommonJs(made.transform);
  const ask = hookModules(made.transform, { settings: { root, patterns, returns }, check }, (message) => {
    if ('file' in message) told.made(message.firstId, message.file);
    else told.skipped(message.skipped, message.reason);
  });
  whenUnknown(ask);
  current.count = () => {
    ask();
    return count();
  };
}

function startLive(node: Provider<typeof functionProbes>, ignored: string[]): void {
  const { names, share, ignored: others } = readLiveSettings();
  ignored.push(...others);
  if (names.length > 0) wishes.add(names, share, false);
  watchLive(node);
}
