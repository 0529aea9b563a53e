// The addon for macOS, which can be compiled here but not run: what of it can be looked at.
// `npm run prebuild` has made the files.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { needsTools } from '../support/tools.js';
import { isSignedWhole, type MachO, readMachO } from './mach-o.js';

const PREBUILDS = new URL('../../../packages/native/addon/prebuilds/', import.meta.url);
const READ_AND_EXECUTE = 5;
const STUBS = 4096;

const targets = [
  // CPU_TYPE_ARM64; nop, ret
  { target: 'darwin-arm64', processor: 0x0100000c, stub: '1f2003d5c0035fd60000000000000000' },
  // CPU_TYPE_X86_64; pop, nop, push, ret, and int3 to the end
  { target: 'darwin-x64', processor: 0x01000007, stub: '589050c3cccccccccccccccccccccccc' },
];

for (const { target, processor, stub } of targets) {
  describe(`The addon for ${target}`, () => {
    const path = fileURLToPath(new URL(`${target}/@sonde+native.node`, PREBUILDS));
    let bytes: Buffer;
    let file: MachO;

    before(function () {
      needsTools(this, 'llvm-objdump');
      bytes = readFileSync(path);
      file = readMachO(bytes);
    });

    it('is a library for this processor, from macOS 11 on', () => {
      assert.equal(file.processor, processor);
      assert.equal(file.fileType, 6);
      assert.equal(file.oldestSystem, '11.0');
    });

    it('is found by Node.js by its one function', () => {
      assert.match(objdump('--exports-trie'), /\b_napi_register_module_v1$/m);
    });

    it("takes Node.js's functions from the program that loads it, and all others from libSystem", () => {
      assert.deepEqual(file.libraries, ['/usr/lib/libSystem.B.dylib']);
      const bound = [...objdump('--bind', '--lazy-bind').matchAll(/^__DATA.* (\S+) +(_\S+|dyld_stub_binder)$/gm)];
      const from = (library: string) => bound.filter(([, each]) => each === library).map(([, , symbol]) => symbol!);
      assert.equal(from('flat-namespace').length + from('libSystem').length, bound.length);
      assert.ok(from('flat-namespace').length > 20);
      assert.ok(from('flat-namespace').every((symbol) => symbol.startsWith('_napi_')));
    });

    it('has its stubs, whole, where nothing can be written', () => {
      const address = file.symbols.get('_sonde_stubs')!;
      const text = file.sections.find(({ segment, name }) => segment === '__TEXT' && name === '__text')!;
      assert.equal(text.protection, READ_AND_EXECUTE);
      const start = Number(address - text.address);
      assert.ok(start >= 0 && start + 16 * STUBS <= text.size);
      assert.equal(address % 16n, 0n);
      const stubs = bytes.subarray(text.offset + start, text.offset + start + 16 * STUBS);
      assert.equal(stubs.toString('hex'), stub.repeat(STUBS));
    });

    it('can be reached by 32-bit offsets from the memory for DOF', () => {
      const [lowest, highest] = [file.sections.at(0)!, file.sections.at(-1)!];
      assert.ok(highest.address + BigInt(highest.size) - lowest.address < 2n ** 31n);
    });

    it('is signed as macOS wants it: on arm64, by the hashes of its pages', () => {
      if (processor === 0x0100000c) assert.ok(isSignedWhole(bytes, file.signature!));
      else assert.equal(file.signature, undefined, 'macOS on x86-64 asks for none');
    });

    function objdump(...options: string[]): string {
      return execFileSync('llvm-objdump', ['--macho', ...options, path], { encoding: 'utf8' });
    }
  });
}
