// Behind these: what `require` calls, and the channel tracing:module.import, which Node.js has
// since 22.4. Its channel of `require` is not used: with a subscriber Node.js catches what a module
// throws and throws it on, and shows that place of an error which nobody catches.

import type { Provider } from 'sonde';
import { messageOf } from 'sonde/internal';
import type { moduleProbes } from '../probes.js';
import { whileTraced } from '../while-traced.js';
import { subscriptions, together } from './channels.js';
import { now, since } from './clock.js';
import { around } from './methods.js';

/** Of an import. */
interface Message {
  url?: string;
  parentURL?: string;
  error?: unknown;
}

export function watchModules(node: Provider<typeof moduleProbes>): void {
  const began = new WeakMap<Message, bigint>();
  const done = (kind: string, specifier: string, parent: string, time: bigint, found: Found) => {
    node.moduleDone.fire(kind, specifier, parent, found.file ?? '', since(time), found.error ?? '');
  };
  const required = around(
    () => process.getBuiltinModule('node:module'),
    '_load',
    (_self, [id, parent]) => {
      const [specifier, file, time] = [String(id), String(parent?.filename ?? ''), now()];
      node.moduleStart.fire('require', specifier, file);
      return (result, threw) => {
        const { file: found = specifier, error = 'threw' } = whereIs(specifier, file);
        // What a module throws is not caught, and so it is not known.
        done('require', specifier, file, time, threw ? { error } : { file: found });
        return result;
      };
    },
  );
  const imported = subscriptions({
    'tracing:module.import:start'(message: Message) {
      began.set(message, now());
      node.moduleStart.fire('import', ...named(message));
    },
    'tracing:module.import:asyncEnd'(message: Message) {
      const time = began.get(message);
      // Loading that began while nobody traced has no message of a start, and there is a second
      // word of a failure.
      if (time === undefined || !began.delete(message)) return;
      const [specifier, parent] = named(message);
      const { error } = message;
      const found = error === undefined ? { file: importedFile(specifier, parent) } : { error: messageOf(error) };
      done('import', specifier, parent, time, found);
    },
  });
  const { on, off } = together(required, imported);
  whileTraced([node.moduleStart, node.moduleDone], on, off);
}

interface Found {
  file?: string;
  error?: string;
}

/** What `require` finds. */
function whereIs(specifier: string, parent: string): Found {
  if (!parent || specifier.startsWith('node:')) return { file: specifier };
  try {
    return { file: process.getBuiltinModule('node:module').createRequire(parent).resolve(specifier) };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

function named({ url, parentURL }: Message): [string, string] {
  return [String(url), String(parentURL ?? '')];
}

function importedFile(specifier: string, parent: string): string {
  // By a package's conditions for `import`, only Node.js's own loader finds it.
  if (!parent || !/^\.{0,2}\//.test(specifier)) return specifier;
  try {
    return new URL(specifier, parent).href;
  } catch {
    return specifier;
  }
}
