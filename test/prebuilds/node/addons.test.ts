// The addon of @sonde/node: one file for each line of Node.js on each system. What can be run here
// is loaded by the Node.js that it is for; of the others their bytes are looked at.
// `npm run prebuild:node` has made all of them, and nothing is published without all of them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from 'mocha';
import { emulatedNode } from '../../arm64/emulated.js';
import { NODE_LINES, type NodeLine, needsNode } from '../../support/npm-packages.js';
import { cannotTest, needsTools } from '../../support/tools.js';
import { isSignedWhole, readMachO } from '../mach-o.js';

const ADDON = fileURLToPath(new URL('../../../../packages/node/addon/', import.meta.url));
/**
 * process.versions.modules of each line:
 * https://github.com/nodejs/node/blob/main/doc/abi_version_registry.json
 */
const ABIS: Record<NodeLine, number> = { 20: 115, 22: 127, 24: 137, 26: 147 };
/**
 * What every glibc since version 2.28 has: of older ones Node.js 20's own binary does not start.
 */
const NEWEST_GLIBC = [2, 28];
const MUSL = '/lib/ld-musl-x86_64.so.1';

interface Target {
  folder: string;
  tag: string;
  arm64: boolean;
  /** For which it is linked: exactly these, or some of them. */
  libraries: RegExp;
}

const TARGETS: Record<string, Target> = {
  'linux-x64-glibc': { folder: 'linux-x64', tag: '.glibc', arm64: false, libraries: /^lib(c|m|dl|pthread)\.so\.\d$/ },
  'linux-x64-musl': { folder: 'linux-x64', tag: '.musl', arm64: false, libraries: /^libc\.so$/ },
  'linux-arm64-glibc': {
    folder: 'linux-arm64',
    tag: '.glibc',
    arm64: true,
    libraries: /^(lib(c|m|dl|pthread)\.so\.\d|ld-linux-aarch64\.so\.1)$/,
  },
  'linux-arm64-musl': { folder: 'linux-arm64', tag: '.musl', arm64: true, libraries: /^libc\.so$/ },
  'darwin-arm64': { folder: 'darwin-arm64', tag: '', arm64: true, libraries: /^\/usr\/lib\/libSystem\.B\.dylib$/ },
  'darwin-x64': { folder: 'darwin-x64', tag: '', arm64: false, libraries: /^\/usr\/lib\/libSystem\.B\.dylib$/ },
};

/** PREBUILT=own: only what runs on this very machine, and its like with musl. */
const own = process.env.PREBUILT === 'own';
const lines = own ? [Number.parseInt(process.versions.node, 10) as NodeLine] : [...NODE_LINES];
const names = own ? ['linux-x64-glibc', 'linux-x64-musl'] : Object.keys(TARGETS);

describe(`The addons of @sonde/node${own ? ', those for this Node.js' : ''}`, function () {
  this.timeout(120_000);
  const exported = new Map<NodeLine, Set<string>>();

  before(function () {
    needsTools(this, 'nm', 'readelf', 'llvm-objdump');
    for (const line of lines) exported.set(line, new Set(symbols(needsNode(this, line), '--defined-only')));
  });

  it('are there, of what the sources are now, and no others', () => {
    const newest = Math.max(...sources().map((file) => statSync(join(ADDON, file)).mtimeMs));
    for (const line of lines) {
      for (const name of names) {
        const path = pathOf(name, line);
        assert.ok(existsSync(path), `${path} is missing: npm run prebuild:node`);
        assert.ok(statSync(path).mtimeMs > newest, `${path} is older than its sources: npm run prebuild:node`);
      }
    }
    const known = Object.keys(TARGETS).flatMap((name) => NODE_LINES.map((line) => pathOf(name, line)));
    const there = readdirSync(join(ADDON, 'prebuilds'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    assert.deepEqual(
      there.filter((path) => !known.includes(path)),
      [],
    );
  });

  for (const line of lines) {
    for (const name of names) {
      const { folder, arm64, libraries } = TARGETS[name]!;
      const look = folder.startsWith('darwin') ? lookAtMachO : lookAtElf;

      it(`${name}, Node.js ${line}: is for that processor, that version, and what that system has`, function () {
        const path = pathOf(name, line);
        const { isForIt, exports, needed, wanted } = look(path, arm64);
        assert.ok(isForIt, 'another processor, or no library');
        assert.ok(exports.includes('napi_register_module_v1'), String(exports));
        assert.ok(needed.length > 0 && needed.every((library) => libraries.test(library)), String(needed));
        // It returns the number that src/addon.ts compares, by a function of its own: of two
        // instructions.
        const returned = NODE_LINES.filter((each) => returns(readFileSync(path), ABIS[each], arm64));
        assert.deepEqual(returned, [line]);
        const ofNode = wanted.filter((symbol) => /^(napi_|node_|_ZNK?2v8|_ZNK?4node)/.test(symbol));
        assert.ok(ofNode.length > 20, String(ofNode));
        assert.deepEqual(
          ofNode.filter((symbol) => !exported.get(line)!.has(symbol)),
          [],
          `Node.js ${line} does not have them`,
        );
        if (!name.endsWith('musl')) return;
        const ofLibrary = wanted.filter((symbol) => !ofNode.includes(symbol));
        assert.deepEqual(
          ofLibrary.filter((symbol) => !ofMusl(this).has(symbol)),
          [],
          'musl does not have them',
        );
      });
    }

    it(`linux-x64-glibc: is loaded by Node.js ${line}`, function () {
      loads([needsNode(this, line)], pathOf('linux-x64-glibc', line), ABIS[line]);
    });

    if (!own) {
      it(`linux-arm64-glibc: is loaded by Node.js ${line}, which QEMU emulates`, function () {
        loads(emulatedNode(this, line)(), pathOf('linux-arm64-glibc', line), ABIS[line]);
      });
    }
  }
});

function pathOf(name: string, line: NodeLine): string {
  const { folder, tag } = TARGETS[name]!;
  return join(ADDON, 'prebuilds', folder, `@sonde+node.abi${ABIS[line]}${tag}.node`);
}

function sources(): string[] {
  return readdirSync(ADDON).filter((file) => /\.(cc|h|gyp)$/.test(file));
}

interface Looked {
  isForIt: boolean;
  exports: string[];
  /** Libraries. */
  needed: string[];
  /** Symbols that others have to have. */
  wanted: string[];
}

function lookAtElf(path: string, arm64: boolean): Looked {
  const read = (...options: string[]) => execFileSync('readelf', ['-W', ...options, path], { encoding: 'utf8' });
  const header = read('-h');
  const versions = [...read('-V').matchAll(/\bGLIBC_(\d+)\.(\d+)/g)].map(([, major, minor]) => [
    Number(major),
    Number(minor),
  ]);
  const isOld = versions.every(([major, minor]) => major! < NEWEST_GLIBC[0]! || minor! <= NEWEST_GLIBC[1]!);
  assert.ok(isOld, `it needs a glibc that is newer than ${NEWEST_GLIBC.join('.')}: ${versions.join(' ')}`);
  assert.equal(versions.length > 0, path.includes('.glibc.'));
  const exports = symbols(path, '--defined-only');
  // Nobody else may see the C++ library that is in it.
  assert.deepEqual(exports.toSorted(), ['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
  return {
    isForIt: /Type: +DYN/.test(header) && new RegExp(`Machine: +${arm64 ? 'AArch64' : 'Advanced Micro'}`).test(header),
    exports,
    needed: [...read('-d').matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, library]) => library!),
    wanted: symbols(path, '--undefined-only'),
  };
}

function lookAtMachO(path: string, arm64: boolean): Looked {
  const bytes = readFileSync(path);
  const { processor, fileType, oldestSystem, libraries, signature } = readMachO(bytes);
  assert.equal(oldestSystem, '11.0');
  assert.ok(arm64 ? isSignedWhole(bytes, signature!) : signature === undefined);
  const read = (...options: string[]) =>
    execFileSync('llvm-objdump', ['--macho', ...options, path], { encoding: 'utf8' });
  const bound = [...read('--bind', '--lazy-bind').matchAll(/^__DATA.* flat-namespace +_(\S+)$/gm)];
  return {
    isForIt: fileType === 6 && processor === (arm64 ? 0x0100000c : 0x01000007),
    exports: [...read('--exports-trie').matchAll(/^\S+ +_(\S+)/gm)].map(([, symbol]) => symbol!),
    needed: libraries,
    wanted: [...new Set(bound.map(([, symbol]) => asOnLinux(symbol!)))],
  };
}

/**
 * The name of a C++ function on Linux, where int64_t and uint64_t are `long`, not `long long` as on
 * macOS: l and m, not x and y.
 */
function asOnLinux(symbol: string): string {
  return symbol.replace(/E[a-z]+/, (parameters) => parameters.replaceAll('x', 'l').replaceAll('y', 'm'));
}

/** Of the dynamic symbols, without versions. */
function symbols(path: string, which: string): string[] {
  return (
    execFileSync('nm', ['-D', which, path], { encoding: 'utf8', maxBuffer: 2 ** 28 })
      .trim()
      .split('\n')
      .flatMap((line) => /(?:^| )[A-Za-z] (\S+?)(?:@.*)?$/.exec(line)?.[1] ?? [])
      // Looked for, and not missed.
      .filter((symbol) => symbol !== '__gmon_start__')
  );
}

/** Whether there is a function that does nothing but return this number. */
function returns(bytes: Buffer, number: number, arm64: boolean): boolean {
  const word = (value: number) => {
    const buffer = Buffer.alloc(4);
    buffer.writeUInt32LE(value);
    return buffer;
  };
  if (arm64) return bytes.includes(Buffer.concat([word(0x52800000 | (number << 5)), word(0xd65f03c0)])); // movz w0; ret
  const move = Buffer.concat([Buffer.of(0xb8), word(number)]); // mov eax
  return [[0xc3], [0x5d, 0xc3]].some((end) => bytes.includes(Buffer.concat([move, Buffer.from(end)]))); // [pop rbp;] ret
}

let musl: Set<string> | undefined;

/** What musl has, for whichever processor. */
function ofMusl(context: Context): Set<string> {
  if (!existsSync(MUSL)) cannotTest(context, 'musl is not installed');
  musl ??= new Set(symbols(MUSL, '--defined-only'));
  return musl;
}

function loads([command, ...parameters]: string[], path: string, abi: number): void {
  const program = `
    const module = { exports: {} };
    process.dlopen(module, process.argv[1]);
    const { abi, captureStack, ...rest } = module.exports;
    function outer() { return captureStack(4, inner); }
    function inner() { return outer(); }
    (function caller() { console.log(abi, typeof captureStack, String(inner())); })();
    console.log(Object.keys(rest).sort().join());`;
  const output = execFileSync(command!, [...parameters, '-e', program, path], { encoding: 'utf8' });
  assert.match(output, new RegExp(`^${abi} function .*caller`));
  assert.match(
    output,
    /^allocationsOff,allocationsOn,allocationsTake,codeFlush,codeNames,codeOff,codeOn,codeRemove,codeRename,codeSize,gcOff,gcOn$/m,
  );
}
