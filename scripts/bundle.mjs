// Makes one file of each entry of a package, in its lib/. Loading a file costs more than most of
// what is in it, and a program should not pay for how sonde's source is cut into files and packages
// (docs/performance.md has the figures): so `sonde` holds what it needs of the others, all but the
// addon, which lies in @sonde/native.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * What few processes need, by the name that packages/native/src/binding.ts (`loadOnDemand`) asks
 * for it.
 */
const ON_DEMAND = { dof: 'dof/src/index.ts', elf: 'elf/src/index.ts' };

/**
 * What no other package holds: a program has the backends once, and the drop-ins what makes them.
 */
const SEPARATE = ['sonde', '@sonde/dtrace-provider'];

const root = join(dirname(dirname(fileURLToPath(import.meta.url))), 'packages');
const packages = readdirSync(root).map((name) => manifest(name));

for (const { folder, name, type, exports, bin } of packages) {
  const inlined = packages.filter((other) => other.name !== name && !SEPARATE.includes(other.name));
  rmSync(join(folder, 'lib'), { recursive: true, force: true });
  const made = [
    ...entries(exports).flatMap(([, { types, ...files }]) => Object.values(files)),
    ...Object.values(bin ?? {}),
  ].map(nameOf);
  for (const names of sharing(made)) {
    await build({
      entryPoints: names.map((name) => ({ in: join(folder, 'src', `${name}.ts`), out: name })),
      outdir: join(folder, 'lib'),
      format: type === 'commonjs' ? 'cjs' : 'esm',
      splitting: names.length > 1,
      chunkNames: `${names[0]}-whole`,
      alias: Object.fromEntries(inlined.flatMap(aliases)),
      ...common(),
    });
  }
  // What `require` is given instead: it is there to get the entry itself, or not.
  const required = Object.values(exports).flatMap((entry) => (entry.require ? [nameOf(entry.require.default)] : []));
  await build({
    entryPoints: required.map((name) => ({ in: join(folder, 'src', `${name}.cts`), out: name })),
    outdir: join(folder, 'lib'),
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    external: ['./*.js'],
    ...common(),
  });
}
await build({
  entryPoints: Object.entries(ON_DEMAND).map(([out, file]) => ({ in: join(root, file), out })),
  outdir: join(root, 'native', 'lib'),
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  ...common(),
});

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
  return Object.entries(exports)
    .map(([path, entry]) => [path, entry.default?.types ? entry.default : entry])
    .filter(([, entry]) => entry.types);
}

function nameOf(file) {
  return file.replace('./lib/', '').replace(/\.c?js$/, '');
}

function source(folder, entry) {
  return join(folder, entry.types.replace('./dist/', 'src/').replace('.d.ts', '.ts'));
}
