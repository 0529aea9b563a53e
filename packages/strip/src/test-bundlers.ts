// Bundlers as programs use them for production, with the plugin or without it.
import { join } from 'node:path';
import commonjsPlugin from '@rollup/plugin-commonjs';
import rspack from '@rspack/core';
import * as esbuild from 'esbuild';
import * as rolldown from 'rolldown';
import * as rollup from 'rollup';
import { minify } from 'terser';
import * as vite from 'vite';
import webpack from 'webpack';
import stripEsbuild from './esbuild.js';
import type { Options } from './options.js';
import stripRolldown from './rolldown.js';
import stripRollup from './rollup.js';
import stripRspack from './rspack.js';
import stripVite from './vite.js';
import stripWebpack from './webpack.js';

// Its types say that the function is in `default`, which is where it is for those who `require` it.
const commonjs = commonjsPlugin as unknown as typeof commonjsPlugin.default;

export interface Bundled {
  /** By the entries' names. */
  readonly code: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/**
 * @param root the folder that the program is in
 * @param entries files by name, from there
 * @param strip the plugin's options; false to go without it
 */
export type Bundler = (root: string, entries: Record<string, string>, strip: Options | false) => Promise<Bundled>;

const EXTERNAL = [/^node:/, /^@?sonde(?:\/|$)/, 'smtp-server', 'classic-level', 'nodemailer'];
const isExternal = (name: string) =>
  EXTERNAL.some((each) => (typeof each === 'string' ? each === name : each.test(name)));

export const BUNDLERS: Readonly<Record<string, Bundler>> = {
  async esbuild(root, entries, strip) {
    const { outputFiles, warnings } = await esbuild.build({
      absWorkingDir: root,
      entryPoints: entries,
      outdir: 'out',
      bundle: true,
      write: false,
      // Without short names: these depend on the letters of what is left out.
      minifyWhitespace: true,
      minifySyntax: true,
      format: 'esm',
      platform: 'node',
      target: 'node24',
      external: ['sonde', '@sonde/core', 'smtp-server', 'classic-level', 'nodemailer'],
      logLevel: 'silent',
      plugins: strip ? [stripEsbuild(strip)] : [],
    });
    return {
      code: Object.fromEntries(
        outputFiles.map(({ path, text }) => [nameOf(join('/', path.slice(root.length + 5))), text]),
      ),
      warnings: warnings.map(({ text }) => text),
    };
  },

  async Rollup(root, entries, strip) {
    const warnings: string[] = [];
    const bundle = await rollup.rollup({
      input: absolute(root, entries),
      external: isExternal,
      onwarn: ({ message }) => void warnings.push(message),
      plugins: [
        ...(strip ? [stripRollup(strip)] : []),
        typescript(),
        commonjs({ extensions: ['.js', '.cjs'] }),
        minifier(),
      ],
    });
    const { output } = await bundle.generate({ format: 'es' });
    return { code: chunks(output), warnings };
  },

  async Rolldown(root, entries, strip) {
    const warnings: string[] = [];
    const { output } = await rolldown.build({
      cwd: root,
      input: absolute(root, entries),
      external: isExternal,
      platform: 'node',
      write: false,
      output: { minify: true },
      transform: { target: 'es2024' },
      resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
      onLog: (_level, { message }) => void warnings.push(message),
      plugins: strip ? [stripRolldown(strip)] : [],
    });
    return { code: chunks(output), warnings };
  },

  async Vite(root, entries, strip) {
    const warnings: string[] = [];
    const logger = vite.createLogger('warn');
    logger.warn = (message) => void warnings.push(message);
    logger.warnOnce = logger.warn;
    logger.info = () => {};
    const result = await vite.build({
      root,
      configFile: false,
      customLogger: logger,
      // As it does with packages that are not to be installed beside the bundle.
      ssr: { noExternal: ['library', 'other'] },
      build: {
        ssr: true,
        write: false,
        minify: true,
        target: 'node24',
        rolldownOptions: {
          input: absolute(root, entries),
          external: isExternal,
          output: { chunkFileNames: '[name]-[hash].js' },
        },
      },
      plugins: strip ? [stripVite(strip)] : [],
    });
    return { code: chunks((result as vite.Rolldown.RolldownOutput).output), warnings };
  },

  webpack: (root, entries, strip) => {
    const options = {
      transpileOnly: true,
      configFile: join(import.meta.dirname, '../tsconfig.json'),
      compilerOptions: { rootDir: root, module: 'esnext', moduleResolution: 'bundler', erasableSyntaxOnly: false },
    };
    const loader = { test: /\.ts$/, loader: 'ts-loader', options };
    const compiler = webpack({
      ...(packed(root, entries) as webpack.Configuration),
      // From here, and not from the program's folder.
      resolveLoader: { modules: [join(import.meta.dirname, '../node_modules')] },
      module: { rules: [loader] },
      plugins: strip ? [stripWebpack(strip)] : [],
    });
    return run(compiler as unknown as Compiler);
  },

  Rspack: (root, entries, strip) => {
    const loader = {
      test: /\.ts$/,
      loader: 'builtin:swc-loader',
      options: { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' } },
    };
    const compiler = rspack({
      ...(packed(root, entries) as object),
      module: { rules: [loader] },
      plugins: strip ? [stripRspack(strip)] : [],
    });
    return run(compiler as unknown as Compiler);
  },
};

const absolute = (root: string, entries: Record<string, string>) =>
  Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, join(root, file)]));

const nameOf = (file: string) => file.replace(/^\//, '').replace(/\.m?js$/, '');

function chunks(output: readonly { type: string; fileName: string; code?: string }[]): Record<string, string> {
  const code = output.filter(({ type }) => type === 'chunk');
  return Object.fromEntries(code.map((chunk) => [nameOf(chunk.fileName), chunk.code!]));
}

/** TypeScript for Rollup, which has none, and `./a.js` that means `a.ts`. */
function typescript(): rollup.Plugin {
  return {
    name: 'typescript',
    async resolveId(id, importer, { custom = {} }) {
      const options = { skipSelf: true, custom };
      return (await this.resolve(id, importer, options)) ?? this.resolve(id.replace(/\.js$/, '.ts'), importer, options);
    },
    async transform(code, id) {
      if (!id.endsWith('.ts')) return undefined;
      const { code: javascript, map } = await esbuild.transform(code, {
        loader: 'ts',
        target: 'node24',
        sourcemap: true,
      });
      return { code: javascript, map };
    },
  };
}

/** As @rollup/plugin-terser does. */
function minifier(): rollup.Plugin {
  return {
    name: 'minifier',
    renderChunk: async (code) => (await minify(code, { module: true, toplevel: true })).code ?? '',
  };
}

function packed(root: string, entries: Record<string, string>): unknown {
  return {
    context: root,
    mode: 'production',
    target: 'node24',
    devtool: false,
    entry: absolute(root, entries),
    experiments: { outputModule: true },
    output: { path: join(root, 'out'), filename: '[name].js', library: { type: 'module' } },
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    externalsType: 'module',
    externals: EXTERNAL,
  };
}

/** What webpack and Rspack have in common. */
interface Compiler {
  outputFileSystem: unknown;
  run(done: (error: Error | null, stats: { toJson(options: object): Stats }) => void): void;
  close(done: () => void): void;
}

interface Stats {
  errors: { message: string }[];
  warnings: { message: string }[];
}

function run(compiler: Compiler): Promise<Bundled> {
  const code: Record<string, string> = {};
  const done = (...rest: unknown[]) => (rest.at(-1) as (error: null) => void)(null);
  compiler.outputFileSystem = {
    mkdir: done,
    stat: (_path: string, callback: (error: Error) => void) => callback(Object.assign(new Error(), { code: 'ENOENT' })),
    writeFile: (path: string, content: string | Buffer, ...rest: unknown[]) => {
      code[nameOf(path.replace(/.*\/out\//, ''))] = String(content);
      done(...rest);
    },
  };
  return new Promise((resolve, reject) => {
    compiler.run((error, stats) => {
      compiler.close(() => {
        if (error) return reject(error);
        const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
        if (errors.length > 0) return reject(new Error(errors.map(({ message }) => message).join('\n')));
        resolve({ code, warnings: warnings.map(({ message }) => message) });
      });
    });
  });
}
