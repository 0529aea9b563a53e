import { type Provider, status } from 'sonde';
import { selectFiles } from './files.js';
import { install } from './firing.js';
import { whenUnknown } from './functions.js';
import { hookCommonJs, hookModules } from './hooks.js';
import { type Counts, counting, instrumenter } from './instrumenter.js';
import { patchWhileTraced } from './live.js';
import { type FunctionSettings, readSettings } from './options.js';
import type { functionProbes } from './probes.js';
import { showOwnText } from './shown-text.js';

/** What became of the functions of this thread. */
export interface FunctionsStatus extends Counts {
  at: FunctionSettings['at'];
  returns: FunctionSettings['returns'] | 'none';
  patterns: readonly string[];
  /** What patterns are relative to. */
  root: string;
  /** Why functions have no probes though they were to have them, or which setting was passed over. */
  reason?: string;
}

let current: { settings: FunctionSettings; counts: Counts; reason?: string; ask?: () => void } | undefined;

/** A snapshot. Undefined where {@link start} was not called. */
export function functionsStatus(): FunctionsStatus | undefined {
  if (!current) return undefined;
  current.ask?.();
  const { settings, counts, reason } = current;
  const { at, patterns, root, returns, ignored } = settings;
  const why = [...(reason === undefined ? [] : [reason]), ...ignored].join('; ');
  return {
    at,
    returns: at === 'load' ? returns : 'none',
    patterns,
    root,
    ...counts,
    skipped: counts.skipped.slice(),
    ...(why !== '' && { reason: why }),
  };
}

/** From now on, what is loaded has probes in its functions, if it is to have them. */
export function startFunctions(node: Provider<typeof functionProbes>): void {
  const settings = readSettings();
  const counts: Counts = { files: 0, functions: 0, skipped: [] };
  current = { settings, counts };
  if (settings.at === 'off') return;
  const provider = status().providers.find(({ name }) => name === 'node');
  if (!provider?.probes.some(({ tracer, enabled }) => tracer !== '' || enabled)) {
    current.reason = `nobody can trace them: ${provider?.reason ?? status().reason ?? 'the backend is noop'}`;
    return;
  }
  const check = install(node);
  const { root, patterns, returns } = settings;
  const wants = selectFiles(root, patterns);
  if (settings.at === 'live') {
    patchWhileTraced({ node, wants, check: check.entry, counts });
    return;
  }
  const { made, skipped } = counting(counts);
  const transform = instrumenter({ wants, returns, check: check.any, made, skipped });
  showOwnText();
  hookCommonJs(transform);
  const ask = hookModules(transform, { settings: { root, patterns, returns }, check: check.any }, (message) => {
    if ('file' in message) made(message.firstId, message.file);
    else skipped(message.skipped, message.reason);
  });
  whenUnknown(ask);
  current.ask = ask;
}
