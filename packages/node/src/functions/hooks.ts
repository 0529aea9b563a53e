// Where Node.js takes the text of a module to compile it. CommonJS: `Module.prototype._compile`,
// which every transpiler calls too, with what it made. ECMAScript modules: `module.registerHooks`
// where Node.js has it (22.15, 23.5), before that `module.register`, whose hooks run in a thread of
// their own (functions-loader.ts). Node.js calls hooks the last first, and each gets what those
// before it made: so that what transpilers make comes here, whenever they are registered, ours are
// registered again after each of them.
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { MessagePort } from 'node:worker_threads';
import type { InstrumentedFile } from './functions.js';
import { type Mapped, mapped } from './mapped.js';
import type { FunctionSettings } from './options.js';
import { replace } from './shown-text.js';

/** As instrumenter.ts makes it. */
type Transform = (source: string, name: string, kind?: 'commonjs' | 'module') => string;

interface LoadResult {
  format?: string | null | undefined;
  source?: unknown;
}
export type NextLoad<Result> = (url: string, context?: object) => Result;

type RegisterHooks = (hooks: { load(url: string, context: object, next: NextLoad<LoadResult>): LoadResult }) => {
  deregister(): void;
};

interface ModuleInternals {
  prototype: { _compile(content: string, filename: string, format?: string): unknown };
  registerHooks?: RegisterHooks;
  register(specifier: string | URL, ...more: unknown[]): unknown;
  stripTypeScriptTypes?(source: string, options: object): string;
  createRequire(file: string): NodeJS.Require;
}

// Not by an import: what others import of this module would be what it is now.
const Module = process.getBuiltinModule('node:module').Module as unknown as ModuleInternals;

export function hookCommonJs(transform: Transform): void {
  replace(
    Module.prototype,
    '_compile',
    (_compile) =>
      function (this: unknown, content, filename, ...rest) {
        const made = typeof content === 'string' ? compiled(transform, content, filename, rest[0]) : { content };
        return Reflect.apply(_compile, this, [made.content, filename, ...('format' in made ? [made.format] : rest)]);
      },
  );
}

/** The text that is to be compiled, and its format where that is another then. */
function compiled(
  transform: Transform,
  content: string,
  filename: string,
  format: string | undefined,
): { content: string; format?: string | undefined } {
  const typed = TYPESCRIPT.exec(format ?? '');
  const kind = kindOf(typed ? typed[1] : format);
  if (!typed) return { content: transform(content, filename, kind) };
  // Node.js 22 takes the types out in `_compile` itself.
  const javascript = withoutTypes(content, filename);
  if (javascript === undefined) return { content };
  const made = transform(javascript, filename, kind);
  return made === javascript ? { content } : { content: made, format: kind };
}

const kindOf = (format: string | undefined) => (format === 'module' || format === 'commonjs' ? format : undefined);

/** As Node.js calls what has types: with the format that it has without, where that is known. */
const TYPESCRIPT = /^(?:(commonjs|module)-)?typescript$/;

/** What the hooks' thread is told, and the thread of the program is told by it. */
export interface LoaderData {
  settings: Pick<FunctionSettings, 'root' | 'patterns' | 'returns'>;
  check: string;
  /** Shared: the program may ask Node.js for source maps later. The index in {@link MAPPED}. */
  mapped: Int32Array;
  port: MessagePort;
}
export const MAPPED: readonly Mapped[] = ['none', 'own', 'all'];
export type LoaderMessage = { firstId: number; file: InstrumentedFile } | { skipped: string; reason: string };

/**
 * @param told takes what comes from the hooks' thread, where there is one
 * @returns asks for what it has said so far
 */
export function hookModules(
  transform: Transform,
  data: Omit<LoaderData, 'port' | 'mapped'>,
  told: (message: LoaderMessage) => void,
): () => void {
  if (Module.registerHooks) {
    registerLast({ load: (url, context, next) => transformed(transform, url, context, next(url, context)) });
    return () => {};
  }
  const { MessageChannel, receiveMessageOnPort } = process.getBuiltinModule('node:worker_threads');
  const { port1, port2 } = new MessageChannel();
  // Taken as they come: where nobody asks, they would be ever more.
  port1.on('message', told).unref();
  registerLoaderLast(loaderUrl(), { ...data, mapped: sharedMapped(), port: port2 });
  return () => {
    for (;;) {
      const received = receiveMessageOnPort(port1);
      if (!received) return;
      told(received.message);
    }
  };
}

/**
 * Beside the bundle, or above this folder. Node.js would find it by its name, too, and remember it
 * for the program to see.
 */
function loaderUrl(): string {
  const beside = ['./functions-loader.js', '../functions-loader.js'].map((path) => new URL(path, import.meta.url));
  const found = beside.find((url) => existsSync(url));
  return (found ?? pathToFileURL(Module.createRequire(import.meta.url).resolve('@sonde/node/functions-loader'))).href;
}

function registerLast(hooks: Parameters<RegisterHooks>[0]): void {
  const { registerHooks } = Module as Required<ModuleInternals>;
  let ours = registerHooks(hooks);
  replace(
    Module as Required<ModuleInternals>,
    'registerHooks',
    (original) =>
      function (this: unknown, ...args) {
        const theirs = Reflect.apply(original, this, args);
        ours.deregister();
        ours = registerHooks(hooks);
        return theirs;
      },
  );
}

/** What {@link mapped} says in this thread. */
function sharedMapped(): Int32Array {
  const shared = new Int32Array(new SharedArrayBuffer(4));
  const note = () => Atomics.store(shared, 0, MAPPED.indexOf(mapped()));
  note();
  replace(
    process,
    'setSourceMapsEnabled',
    (original) =>
      function (this: unknown, ...args) {
        Reflect.apply(original, this, args);
        note();
      },
  );
  return shared;
}

/** Node.js cannot take a loader back: the one that was registered last does the work. */
function registerLoaderLast(loader: string, data: LoaderData): void {
  Module.register(loader, { data, transferList: [data.port] });
  replace(
    Module,
    'register',
    (register) =>
      function (this: unknown, ...args) {
        const result = Reflect.apply(register, this, args);
        Reflect.apply(register, Module, [loader]);
        return result;
      },
  );
}

interface LoadContext {
  conditions?: readonly string[];
}

/**
 * What a load hook answers. CommonJS is left to `_compile`, but for what is imported and another
 * hook made, a text then: Node.js compiles that itself.
 */
export function transformed<Result extends LoadResult>(
  transform: Transform,
  url: string,
  { conditions }: LoadContext,
  result: Result,
): Result {
  const { format, source } = result;
  const [, kind, isTyped] = /^(commonjs|module)(-typescript)?$/.exec(format ?? '') ?? [];
  if (!kind || source === null || source === undefined) return result;
  if (kind === 'commonjs' && (conditions?.includes('require') || typeof source !== 'string')) return result;
  const name = url.startsWith('file:') ? fileURLToPath(url) : url;
  const text = typeof source === 'string' ? source : new TextDecoder().decode(source as Uint8Array);
  const javascript = isTyped ? withoutTypes(text, name) : text;
  if (javascript === undefined) return result;
  const made = transform(javascript, name, kind as 'commonjs' | 'module');
  return made === javascript ? result : { ...result, format: kind, source: made };
}

/**
 * What Node.js makes of a source with types, in the same words. Undefined where it makes nothing of
 * such, or will say what is wrong with this one.
 */
function withoutTypes(source: string, name: string): string | undefined {
  const { typescript: mode } = process.features as { typescript?: 'strip' | 'transform' | false };
  if (!mode) return undefined;
  const sourceUrl = name.includes('://') ? name : pathToFileURL(name).href;
  const { emitWarning } = process;
  try {
    // The function warns that it is experimental, where Node.js itself does the same without a
    // warning.
    process.emitWarning = () => {};
    if (mode === 'strip') return Module.stripTypeScriptTypes!(source, { mode, sourceUrl });
    // Lines move: where functions come from is to be found in any case.
    const made = Module.stripTypeScriptTypes!(source, { mode, sourceUrl, sourceMap: true });
    return process.sourceMapsEnabled ? made : `${made}\n//# sourceURL=${sourceUrl}`;
  } catch {
    return undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}
