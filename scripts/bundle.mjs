// Makes one file of each entry of a package, in its lib/. Loading a file costs more than most of
// what is in it, and a program should not pay for how sonde's source is cut into files and packages
// (docs/performance.md has the figures): so `sonde` holds what it needs of the others, all but the
// addon, which lies in @sonde/native.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * What few processes need, and no more of it, by the name that packages/native/src/binding.ts
 * (`loadOnDemand`) asks for it.
 */
const ON_DEMAND = {
  dof: "export { writeDof } from './dof/src/index.ts';",
  elf: "export { writeProbeObject } from './elf/src/index.ts';",
};

/**
 * What no other package holds: a program has the backends once, and the drop-ins what makes them.
 */
const SEPARATE = ['sonde', '@sonde/dtrace-provider'];

const root = join(dirname(dirname(fileURLToPath(import.meta.url))), 'packages');
const packages = readdirSync(root).map((name) => manifest(name));

/**
 * Modules that every process loads, of packages that load the rest when it is needed: in CommonJS
 * they are a file of their own, by this name.
 */
const RESIDENT = { '@sonde/node': 'resident' };

/** What a package runs as a command. */
const PROGRAM = 'cli';

/** The export condition of Node.js, but with `--no-addons`. */
const NODE = 'node-addons';

// What is loaded, by folder, and `sonde` by its version, too.
const LOADED = 'Symbol.for("sonde.loaded.1")';

/** CommonJS has no `import.meta.url`. */
const URL_OF_FILE = 'const __url=require("node:url").pathToFileURL(__filename).href;';

for (const { folder, name, version, type, exports } of packages) {
  const inlined = packages.filter((other) => other.name !== name && !SEPARATE.includes(other.name));
  const alias = Object.fromEntries(inlined.flatMap(aliases));
  const lib = join(folder, 'lib');
  rmSync(lib, { recursive: true, force: true });
  const made = entries(exports).flatMap(([, entry]) => bundles(entry).map(nameOf));
  const required = entries(exports).flatMap(([, entry]) => (entry[NODE] ? [nameOf(entry[NODE].require)] : []));
  for (const names of sharing(made)) {
    const { metafile } = await build({
      entryPoints: names.map((name) => ({ in: join(folder, 'src', `${name}.ts`), out: name })),
      outdir: lib,
      format: type === 'commonjs' ? 'cjs' : 'esm',
      splitting: names.length > 1,
      chunkNames: `${names[0]}-whole`,
      alias,
      metafile: true,
      ...(required.includes(names[0]) && { footer: { js: filesOf(names) } }),
      ...common(),
    });
    const exported = Object.fromEntries(
      Object.entries(metafile.outputs).map(([path, { exports }]) => [nameOf(basename(path)), exports]),
    );
    if (names.every((name) => required.includes(name))) {
      await forNode({ folder, name, version, names, alias, exported, resident: RESIDENT[name] });
    }
  }
  if (required.length > 0) commonJsTypes(join(folder, 'dist'));
  if (existsSync(join(folder, 'src', `${PROGRAM}.ts`))) await program({ folder, lib, alias });
  if (existsSync(join(folder, 'page'))) await page({ folder, lib });
}
for (const [name, contents] of Object.entries(ON_DEMAND)) {
  await build({
    stdin: { contents, resolveDir: root, loader: 'ts', sourcefile: `${name}.ts` },
    outfile: join(root, 'native', 'lib', `${name}.cjs`),
    format: 'cjs',
    ...common(),
  });
}

/**
 * What Node.js itself is given, by the export condition that it alone has: CommonJS, which it loads
 * in half the time that it takes for ECMAScript modules, and for `import` a list of names over that.
 * There is one copy for a realm, whether it is imported or required, and also where it has been
 * taken out of `require.cache`.
 */
async function forNode({ folder, name, version, names, alias, exported, resident }) {
  const [first] = names;
  const lib = join(folder, 'lib');
  const cjs = { format: 'cjs', alias, outExtension: { '.js': '.cjs' }, outdir: lib, ...common() };
  for (const each of names) writeFileSync(join(lib, `${each}.mjs`), namesOver(each, exported[each], resident));
  if (existsSync(join(folder, 'src', `${first}.cts`))) {
    const entryPoints = [{ in: join(folder, 'src', `${first}.cts`), out: first }];
    await build({ ...cjs, entryPoints, external: ['./*.cjs'] });
    return;
  }
  const stdin = (contents) => ({ stdin: { contents, resolveDir: folder, loader: 'ts', sourcefile: 'whole.ts' } });
  const whole = stdin(names.map((name) => `export * as ${identifier(name)} from './src/${name}.ts';`).join('\n'));
  if (resident) {
    // With `sonde` in it, since to find that by its name takes as long as to load it. Who asks for
    // the same version later gets this one, and where it is there already, this one is not run.
    const sonde = packages.find(({ name }) => name === 'sonde');
    await build({
      ...cjs,
      ...stdin(
        `export * from './src/${resident}.ts'; export * as index from 'sonde'; export * as internal from 'sonde/internal';`,
      ),
      define: { REST_FILE: JSON.stringify(`${first}-rest-${version}.cjs`) },
      plugins: [loadedFirst(sonde)],
      entryNames: resident,
      footer: { js: remember(placeOf(name), keyOf(sonde)) },
    });
    const url = { define: { 'import.meta.url': '__url' }, banner: { js: URL_OF_FILE } };
    const entryNames = `${first}-rest-${version}`;
    await build({ ...cjs, ...whole, ...url, plugins: [leadingTo(folder, resident)], entryNames });
    writeFileSync(
      join(lib, `${first}.cjs`),
      `"use strict";module.exports=${copy(resident, placeOf(name))}.loadRest().${first};\n`,
    );
    return;
  }
  await build({
    ...cjs,
    ...whole,
    entryNames: `${first}-whole`,
    footer: { js: remember(placeOf(name), keyOf({ name, version })) },
  });
  for (const each of names) {
    const text = `"use strict";module.exports=${copy(`${first}-whole`, placeOf(name), keyOf({ name, version }))}.${identifier(each)};\n`;
    writeFileSync(join(lib, `${each}.cjs`), text);
  }
}

/** A command loads what a subcommand needs when it runs it: each `import()` is a file of its own. */
async function program({ folder, lib, alias }) {
  await build({
    entryPoints: [{ in: join(folder, 'src', `${PROGRAM}.ts`), out: PROGRAM }],
    outdir: lib,
    format: 'esm',
    splitting: true,
    chunkNames: `${PROGRAM}-[name]-[hash]`,
    alias,
    ...common(),
  });
}

/** A page that needs nothing beside itself, but for the data that the program puts into it. */
async function page({ folder, lib }) {
  for (const name of readdirSync(join(folder, 'page')).filter((each) => each.endsWith('.html'))) {
    const file = join(folder, 'page', name);
    const { outputFiles } = await build({
      // With the styles that it imports.
      entryPoints: [file.replace(/\.html$/, '.js')],
      outdir: lib,
      bundle: true,
      write: false,
      format: 'iife',
      platform: 'browser',
      target: 'es2022',
      minify: true,
      legalComments: 'none',
      logLevel: 'warning',
    });
    const made = (extension) => outputFiles.find(({ path }) => path.endsWith(extension)).text.trim();
    const html = readFileSync(file, 'utf8')
      .replace('/* SONDE_STYLE */', () => made('.css'))
      .replace('SONDE_SCRIPT', () => made('.js').replaceAll('</script', '<\\/script'));
    writeFileSync(join(lib, name), html);
  }
}

/** The declarations once more, as TypeScript wants those of CommonJS in a package of ES modules. */
function commonJsTypes(dist) {
  for (const path of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.d.ts') || /(^|[/\\])test-|\.test\.d/.test(path)) continue;
    const text = readFileSync(join(dist, path), 'utf8');
    const changed = text.replace(/(from |import |import\()(['"])(\.\.?\/[^'"]*)\.js\2/g, '$1$2$3.cjs$2');
    writeFileSync(join(dist, path.replace(/\.d\.ts$/, '.d.cts')), changed.replace(/\n\/\/# sourceMappingURL=.*/, ''));
  }
}

function keyOf({ name, version }) {
  return JSON.stringify(`${name}@${version}`);
}

function remember(...keys) {
  const entries = keys.map((key) => `[${key}]:module.exports`).join();
  return `Object.defineProperty(globalThis,${LOADED},{value:{...globalThis[${LOADED}],${entries}},configurable:true});`;
}

/** A package where it lies. Where a bundler has made an ES module of it, there is no `__dirname`. */
function placeOf(name) {
  return `(typeof __dirname=="string"?__dirname:"")+${JSON.stringify(` ${name}`)}`;
}

function copy(file, ...keys) {
  const loaded = keys.map((key) => `globalThis[${LOADED}]?.[${key}]`);
  return `(${[...loaded, `require("./${file}.cjs")`].join('??')})`;
}

function identifier(name) {
  return name.replaceAll('-', '_');
}

/**
 * `import … from './index.cjs'` would have Node.js look for the names in all of the code; and who
 * imports `node:module` gets what is in it then, so @sonde/node, which replaces functions there,
 * does not.
 */
function namesOver(name, exported, resident) {
  const [first, module] = resident
    ? ['', "process.getBuiltinModule('node:module')"]
    : ["import { createRequire } from 'node:module';\n\n", ''];
  const list = exported.length > 0 ? `export const { ${exported.join(', ')} } = ` : '';
  const last = exported.length > 0 ? '' : '\nexport {};\n';
  return `${first}const require = ${module && `${module}.`}createRequire(import.meta.url);\n${list}require('./${name}.cjs');\n${last}`;
}

/**
 * Tools that gather the files of a deployment (@vercel/nft, for one) take what stands behind
 * `default`; what Node.js takes then has to be there, too. They understand this, and bundlers do not
 * look at it.
 */
function filesOf(names) {
  const ignored = '/* webpackIgnore: true *//* @vite-ignore */';
  const urls = names
    .flatMap((name) => [`./${name}.mjs`, `./${name}.cjs`])
    .map((file) => `new URL(${ignored}${JSON.stringify(file)},import.meta.url)`);
  return `void(()=>{${urls.join(';')}});`;
}

/** @returns {import('esbuild').Plugin} */
function loadedFirst(sonde) {
  return {
    name: 'loaded first',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^sonde(\/internal)?$/ }, ({ path }) => ({ path, namespace: 'loaded' }));
      onLoad({ filter: /.*/, namespace: 'loaded' }, ({ path }) => {
        const name = path === 'sonde' ? 'index' : 'internal';
        const file = JSON.stringify(join(sonde.folder, 'src', `${name}.ts`));
        const there = `globalThis[${LOADED}]?.[${keyOf(sonde)}]?.${name}`;
        return { contents: `module.exports = ${there} ?? require(${file});`, resolveDir: sonde.folder };
      });
    },
  };
}

/** @returns {import('esbuild').Plugin} */
function leadingTo(folder, resident) {
  const text = readFileSync(join(folder, 'src', `${resident}.ts`), 'utf8');
  const modules = [...text.matchAll(/ from '\.\/(.*)\.js'/g)].map(([, path]) => join(folder, 'src', `${path}.ts`));
  return {
    name: 'resident',
    setup({ onResolve }) {
      onResolve({ filter: /^\.\.?\/.*\.js$/ }, ({ path, resolveDir }) =>
        modules.includes(join(resolveDir, path.replace(/\.js$/, '.ts')))
          ? { path: `./${resident}.cjs`, external: true }
          : undefined,
      );
    },
  };
}

/**
 * Entries by what is in one file for them: an entry and its `internal` are two lists of names of
 * the same copy.
 */
function sharing(names) {
  const internals = { index: 'internal', off: 'off-internal' };
  return names
    .filter((name) => !Object.values(internals).includes(name))
    .map((name) => (names.includes(internals[name]) ? [name, internals[name]] : [name]));
}

/** @returns {import('esbuild').BuildOptions} */
function common() {
  return {
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    sourcemap: true,
    // Most of what is installed would be sources that nobody reads.
    sourcesContent: false,
    minifyWhitespace: true,
    // Node.js shows the line that an error comes from, when nobody catches it.
    lineLimit: 120,
    logLevel: 'warning',
    // CommonJS has none, and the core does without (module-search-roots.ts).
    logOverride: { 'empty-import-meta': 'silent' },
  };
}

function manifest(name) {
  const folder = join(root, name);
  return { folder, ...JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) };
}

/**
 * Every name that a package is imported by, and the source it stands for. The longest first:
 * esbuild takes prefixes.
 */
function aliases({ folder, name, exports }) {
  return entries(exports)
    .map(([path, entry]) => [name + path.slice(1), source(folder, entry)])
    .reverse();
}

/** The entries that are compiled, and not files of their own. */
function entries(exports) {
  return Object.entries(exports).filter(([, entry]) => entry.types);
}

/** The files of an entry that are bundles in the package's own format. */
function bundles({ types, [NODE]: forNode, require, ...files }) {
  return [...new Set(Object.values(files))];
}

function nameOf(file) {
  return file.replace('./lib/', '').replace(/\.[cm]?js$/, '');
}

function source(folder, entry) {
  const types = entry.types.default ?? entry.types;
  return join(folder, types.replace('./dist/', 'src/').replace('.d.ts', '.ts'));
}
