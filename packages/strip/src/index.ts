// A plugin for bundlers that removes sonde's probes. See README.md for what that means.
import { dirname, relative } from 'node:path';
import { createUnplugin, type UnpluginBuildContext, type UnpluginContext, type UnpluginInstance } from 'unplugin';
import { Graph, type Resolve } from './graph.js';
import { Installed } from './installed.js';
import { type Options, readOptions } from './options.js';
import { SOURCE_FILE } from './source.js';

export type { Options, Pattern } from './options.js';

type Context = UnpluginBuildContext & UnpluginContext;

/**
 * The plugin, for each bundler: `strip.vite()`, `strip.esbuild()`, … . `@sonde/strip/vite` and the like have one each.
 *
 * @throws {TypeError} when an option is wrong
 */
export const strip: UnpluginInstance<Options | undefined, false> = createUnplugin((options: Options | undefined) => {
  const installed = new Installed();
  const graph = new Graph(installed, readOptions(options));
  return {
    name: '@sonde/strip',
    // Before types and comments are gone, and while a place in the text is the one that its author knows.
    enforce: 'pre',
    buildStart: () => graph.forget(),
    watchChange: () => graph.forget(),
    transform: {
      filter: { id: SOURCE_FILE },
      async handler(this: Context, code: string, id: string) {
        if (installed.isOfSonde(id) || !installed.mayHaveProbes(id)) return undefined;
        const shown = relative(process.cwd(), id) || id;
        try {
          const module = await graph.load(id, code, resolver(this));
          for (const file of module.dependencies()) this.addWatchFile(file);
          if (!module.reachesSonde()) return undefined;
          const { edits, keeping } = module.stripped;
          for (const { line, column, message } of keeping.warnings) this.warn(`${shown}:${line}:${column}: ${message}`);
          if (!edits.isChanged) return undefined;
          return {
            code: edits.text.toString(),
            map: edits.text.generateMap({ source: id, includeContent: true, hires: true }),
          };
        } catch (error) {
          const { loc } = error as { loc?: { line: number; column: number } };
          if (!loc || !/\bsonde\b/.test(code)) {
            // What is no JavaScript is the bundler's to report.
            if (loc) return undefined;
            throw error;
          }
          this.warn(
            `${shown}:${loc.line}:${loc.column + 1}: probes stay here, since this cannot be parsed: ${(error as Error).message}`,
          );
          return undefined;
        }
      },
    },
  };
});

export default strip;

/** The bundler's own way from an import to a file: with its aliases, conditions and extensions. */
function resolver(context: Context): Resolve {
  const native = context.getNativeBuildContext?.();
  if (native?.framework === 'esbuild') {
    return async (path, importer, kind) => {
      const {
        path: file,
        namespace,
        external,
        errors,
      } = await native.build.resolve(path, {
        importer,
        resolveDir: dirname(importer),
        kind: kind === 'import' ? 'import-statement' : 'require-call',
      });
      return errors.length > 0 || external || namespace !== 'file' ? undefined : file;
    };
  }
  if (native?.framework === 'webpack' || native?.framework === 'rspack') {
    const { loaderContext } = native;
    if (!loaderContext) return async () => undefined;
    const resolve = {
      import: loaderContext.getResolve({ dependencyType: 'esm' }),
      require: loaderContext.getResolve({ dependencyType: 'commonjs' }),
    };
    return async (path, importer, kind) => {
      const file = await resolve[kind](dirname(importer), path).catch(() => undefined);
      return typeof file === 'string' ? file : undefined;
    };
  }
  const rollup = context as unknown as {
    resolve(path: string, importer: string): Promise<{ id: string; external: unknown } | null>;
  };
  return async (path, importer) => {
    const found = await rollup.resolve(path, importer);
    return found && !found.external ? found.id : undefined;
  };
}
