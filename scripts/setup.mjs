// Makes a fresh clone ready: installs dependencies, compiles the addon and the TypeScript. Every
// npm script runs it first, so a step whose inputs did not change is skipped. Needs Node.js with
// npm and a C++ compiler, nothing else.
//
//   node scripts/setup.mjs [--install-only]
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const addons = ['packages/native/addon', 'packages/node/addon', 'test/selftrace', 'test/fasttrap'].filter((folder) =>
  existsSync(join(root, folder, 'binding.gyp')),
);

install();
if (!process.argv.includes('--install-only')) {
  for (const addon of addons) compileAddon(addon);
  run('node', ['node_modules/typescript/bin/tsc', '--build']);
  const typescript = files('packages').filter((file) => /\/src\/.*\.c?ts$/.test(file) && !file.endsWith('.test.ts'));
  once('node_modules/.sonde-bundle', ['scripts/bundle.mjs', ...typescript], () => run('node', ['scripts/bundle.mjs']));
}

/** pnpm is not assumed: npm fetches the version that package.json names, into npm's own cache. */
function install() {
  once('node_modules/.sonde-install', ['pnpm-lock.yaml', 'package.json', ...packageManifests()], () => {
    console.log(`setup: installing dependencies with ${manifest.packageManager}`);
    run('npm', [
      'exec',
      '--yes',
      `--package=${manifest.packageManager}`,
      '--',
      'pnpm',
      'install',
      '--frozen-lockfile',
      '--ignore-scripts',
    ]);
  });
}

function compileAddon(folder) {
  once(join(folder, 'build/.sonde-compiled'), sources(folder), () => {
    console.log(`setup: compiling the addon in ${folder}`);
    const gyp = join(root, 'node_modules/node-gyp/bin/node-gyp.js');
    run('node', [gyp, 'rebuild', '--loglevel=warn', ...headers()], join(root, folder));
  });
}

/** The headers that came with this Node.js, if they did; otherwise node-gyp downloads them. */
function headers() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

function sources(folder) {
  // The tests' addons are compiled against the shared headers too, or of the same sources.
  return [...new Set([folder, 'packages/native/addon'])]
    .flatMap((each) => files(each))
    .filter((file) => /\.(cc|h|gyp)$/.test(file) && !file.includes('/build/'));
}

function packageManifests() {
  return ['packages', 'examples']
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(folder, name, 'package.json')))
    .concat('test/package.json', 'bench/package.json')
    .filter((file) => existsSync(join(root, file)));
}

function files(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

/**
 * Runs a step unless the stamp it left last time says that the same inputs went through it, on the
 * same Node.js.
 */
function once(stamp, inputs, step) {
  const hash = createHash('sha256').update(
    `${process.version} ${process.arch} ${process.env.npm_config_sonde_backend}`,
  );
  for (const file of inputs.toSorted()) hash.update(file).update(readFileSync(join(root, file)));
  const digest = hash.digest('hex');
  const path = join(root, stamp);
  if (existsSync(path) && readFileSync(path, 'utf8') === digest) return;
  step();
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, digest);
}

function run(command, args, cwd = root) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: 'inherit', shell: process.platform === 'win32' });
  if (error) console.error(`setup: ${command} could not be started: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}
