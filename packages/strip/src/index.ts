// A plugin for bundlers that removes sonde's probes. See README.md for what that means.
import { relative } from 'node:path';
import { createUnplugin, type UnpluginInstance } from 'unplugin';
import { Graph } from './graph.js';
import { Installed } from './installed.js';
import { type Options, readOptions } from './options.js';
import { type Context, resolver } from './resolver.js';
import { rewrite } from './rewriting.js';
import { SOURCE_FILE } from './source.js';

export type { Options, Pattern } from './options.js';

/**
 * The plugin, for each bundler: `strip.vite()`, `strip.esbuild()`, … . `@sonde/strip/vite` and the
 * like have one each.
 *
 * @throws {TypeError} when an option is wrong
 */
export const strip: UnpluginInstance<Options | undefined, false> = createUnplugin((options: Options | undefined) => {
  const installed = new Installed();
  const graph = new Graph(installed, readOptions(options));
  return {
    name: '@sonde/strip',
    // Before others change the text: private fields and places are still those of the author.
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
          const { text, warnings, files } = rewrite(module);
          for (const file of files) this.addWatchFile(file);
          for (const { line, column, message } of warnings) this.warn(`${shown}:${line}:${column}: ${message}`);
          if (!text.hasChanged()) return undefined;
          return { code: text.toString(), map: text.generateMap({ source: id, includeContent: true, hires: true }) };
        } catch (error) {
          const { loc, message } = error as Error & { loc?: { line: number; column: number } };
          // The bundler reports what is no JavaScript.
          if (loc && !/\bsonde\b/.test(code)) return undefined;
          const place = loc ? `${shown}:${loc.line}:${loc.column + 1}` : shown;
          this.warn(`${place}: probes stay here, since the plugin cannot read this file: ${message}`);
          return undefined;
        }
      },
    },
  };
});

export default strip;
