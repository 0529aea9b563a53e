// Behind these: the channels tracing:module.require and tracing:module.import, which Node.js has since 22.4; before, what `require` calls,
// and nothing for `import`.
import { type Provider, string, uint64 } from 'sonde';
import { whileTraced } from '../presence.js';
import { type Switch, subscriptions, together } from './channels.js';
import { now, since } from './clock.js';
import { around } from './methods.js';

export const moduleProbes = {
  moduleStart: [string('kind'), string('specifier'), string('parent')],
  moduleDone: [string('kind'), string('specifier'), string('parent'), string('file'), uint64('ns'), string('error')],
} as const;

/** Of `require` the first two, of `import` the others. */
interface Message {
  id?: string;
  parentFilename?: string;
  url?: string;
  parentURL?: string;
  error?: unknown;
}

export function watchModules(node: Provider<typeof moduleProbes>): void {
  const began = new WeakMap<Message, bigint>();
  const start = (kind: string) => (message: Message) => {
    began.set(message, now());
    node.moduleStart.fire(kind, ...named(message));
  };
  const done = (kind: string) => (message: Message) => {
    const time = began.get(message);
    // Loading that began while nobody traced has no message of a start, and there is a second word of a failure.
    if (time === undefined || !began.delete(message)) return;
    const [specifier, parent] = named(message);
    const { error } = message;
    const file = error === undefined ? fileOf(kind, specifier, parent) : '';
    node.moduleDone.fire(kind, specifier, parent, file, since(time), error === undefined ? '' : messageOf(error));
  };
  const channels = subscriptions({
    'tracing:module.require:start': start('require'),
    'tracing:module.require:end': done('require'),
    'tracing:module.import:start': start('import'),
    'tracing:module.import:asyncEnd': done('import'),
  });
  const { on, off } = hasChannels() ? channels : together(channels, beforeChannels(start('require'), done('require')));
  whileTraced([node.moduleStart, node.moduleDone], on, off);
}

/** On Node.js 20. What is thrown is not caught (methods.ts has why), and so it is not known. */
function beforeChannels(start: (message: Message) => void, done: (message: Message) => void): Switch {
  return around(
    () => process.getBuiltinModule('node:module'),
    '_load',
    (_self, [id, parent]) => {
      const message: Message = { id, parentFilename: parent?.filename };
      start(message);
      return (result, threw) => {
        if (threw) message.error = 'threw';
        done(message);
        return result;
      };
    },
  );
}

function hasChannels(): boolean {
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  return major > 22 || (major === 22 && minor >= 4);
}

function named({ id, parentFilename, url, parentURL }: Message): [string, string] {
  return [String(id ?? url), String(parentFilename ?? parentURL ?? '')];
}

function fileOf(kind: string, specifier: string, parent: string): string {
  if (!parent) return specifier;
  try {
    if (/^(node|file|data|https?):/.test(specifier)) return specifier;
    const { createRequire } = process.getBuiltinModule('node:module');
    // By a package's conditions for `import`, only Node.js's own loader finds it.
    if (kind === 'import') return /^\.{0,2}\//.test(specifier) ? new URL(specifier, parent).href : specifier;
    return createRequire(parent).resolve(specifier);
  } catch {
    // Some other loader of the program's found it.
    return specifier;
  }
}

const messageOf = (error: unknown) => String((error as { message?: unknown } | null)?.message ?? error);
