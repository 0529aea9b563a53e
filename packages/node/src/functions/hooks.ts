// Where Node.js takes the text of a module to compile it. CommonJS: `Module.prototype._compile`, which every transpiler calls too, with what it made.
// ECMAScript modules: `module.registerHooks` where Node.js has it (22.15, 23.5), before that `module.register`, whose hooks run in a
// thread of their own (functions-loader.ts).
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { InstrumentedFile } from './functions.js';
import type { FunctionSettings } from './options.js';

/** As instrumenter.ts makes it. */
type Transform = (source: string, name: string, kind?: 'commonjs' | 'module') => string;

interface LoadResult {
  format?: string | null | undefined;
  source?: unknown;
}
export type NextLoad<Result> = (url: string, context?: object) => Result;

interface ModuleInternals {
  prototype: { _compile(content: string, filename: string, format?: string): unknown };
  registerHooks?(hooks: { load(url: string, context: object, next: NextLoad<LoadResult>): LoadResult }): void;
  register(specifier: string, options: object): void;
  stripTypeScriptTypes?(source: string): string;
}

const Module = process.getBuiltinModule('node:module').Module as unknown as ModuleInternals;

export function hookCommonJs(transform: Transform): void {
  const { _compile } = Module.prototype;
  Module.prototype._compile = function (content, filename, ...rest) {
    const made = typeof content === 'string' ? compiled(transform, content, filename, rest[0]) : { content };
    return Reflect.apply(_compile, this, [made.content, filename, ...('format' in made ? [made.format] : rest)]);
  };
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
  const javascript = withoutTypes(content);
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
  port: MessagePort;
}
export type LoaderMessage = { firstId: number; file: InstrumentedFile } | { skipped: string; reason: string };

/**
 * @param told takes what comes from the hooks' thread, where there is one
 * @returns asks for what it has said so far
 */
export function hookModules(
  transform: Transform,
  data: Omit<LoaderData, 'port'>,
  told: (message: LoaderMessage) => void,
): () => void {
  if (Module.registerHooks) {
    Module.registerHooks({
      load: (url, context, next) => transformed(transform, url, next(url, context)),
    });
    return () => {};
  }
  const { port1, port2 } = new MessageChannel();
  port1.unref();
  const loader = createRequire(import.meta.url).resolve('@sonde/node/functions-loader');
  Module.register(pathToFileURL(loader).href, {
    data: { ...data, port: port2 },
    transferList: [port2],
  });
  return () => {
    for (;;) {
      const received = receiveMessageOnPort(port1);
      if (!received) return;
      told(received.message);
    }
  };
}

/** What is left to `_compile` has other formats. Node.js 22 does not call that for a file with types that is imported. */
const OF_HOOK = [
  'module',
  'module-typescript',
  ...(/^22\./.test(process.versions.node) ? ['commonjs-typescript'] : []),
];

/** What a load hook answers. */
export function transformed<Result extends LoadResult>(transform: Transform, url: string, result: Result): Result {
  const { format, source } = result;
  if (!OF_HOOK.includes(format ?? '') || source === null || source === undefined) return result;
  const name = url.startsWith('file:') ? fileURLToPath(url) : url;
  const text = typeof source === 'string' ? source : new TextDecoder().decode(source as Uint8Array);
  if (format === 'module') return { ...result, source: transform(text, name, 'module') };
  const javascript = withoutTypes(text);
  if (javascript === undefined) return result;
  const kind = format === 'module-typescript' ? 'module' : 'commonjs';
  const made = transform(javascript, name, kind);
  return made === javascript ? result : { ...result, format: kind, source: made };
}

/**
 * Types are only blanked out, so that places stay. Undefined where Node.js would do more, which is left to Node.js, or will say what is wrong with
 * it.
 */
function withoutTypes(source: string): string | undefined {
  if ((process.features as { typescript?: unknown }).typescript !== 'strip') return undefined;
  const { emitWarning } = process;
  try {
    // The function warns that it is experimental, where Node.js itself does the same without a warning.
    process.emitWarning = () => {};
    return Module.stripTypeScriptTypes!(source);
  } catch {
    return undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}
