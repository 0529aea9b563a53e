// Each bundler's own way from an import to a file, with its aliases, conditions and extensions.
import { dirname } from 'node:path';
import type { UnpluginBuildContext, UnpluginContext } from 'unplugin';
import type { Resolve } from './graph.js';

/** What a bundler gives to the plugin while it transforms a file. */
export type Context = UnpluginBuildContext & UnpluginContext;

export function resolver(context: Context): Resolve {
  const native = context.getNativeBuildContext?.();
  if (native?.framework === 'esbuild') {
    return async (path, importer) => {
      const options = { importer, resolveDir: dirname(importer), kind: 'import-statement' } as const;
      const { path: file, namespace, external, errors } = await native.build.resolve(path, options);
      return errors.length > 0 || external || namespace !== 'file' ? undefined : file;
    };
  }
  if (native?.framework === 'webpack' || native?.framework === 'rspack') {
    const resolve = native.loaderContext?.getResolve({ dependencyType: 'esm' });
    return async (path, importer) => {
      const file = await resolve?.(dirname(importer), path).catch(() => undefined);
      return typeof file === 'string' ? file : undefined;
    };
  }
  const rollup = context as unknown as RollupContext;
  // Without this, @rollup/plugin-commonjs waits until the file is transformed, which may wait for
  // the file that imports it.
  const custom = 'rolldownVersion' in rollup.meta ? {} : { 'node-resolve': { isRequire: true } };
  return async (path, importer) => {
    const found = await rollup.resolve(path, importer, { custom });
    return found && !found.external ? found.id : undefined;
  };
}

/** Of Rollup, Rolldown and Vite. */
interface RollupContext {
  readonly meta: object;
  resolve(path: string, importer: string, options: object): Promise<{ id: string; external: unknown } | null>;
}
