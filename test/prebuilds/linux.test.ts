// The addons for Linux as files: what they ask of the system, which is what keeps them from
// loading. `npm run prebuild` has made them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { needsTools } from '../support/tools.js';

const PREBUILDS = new URL('../../../packages/native/addon/prebuilds/', import.meta.url);
/** Of Debian 10 and RHEL 8; what Node.js's own binaries need. */
const OLDEST_GLIBC = '2.28';

const machines = { x64: 'Advanced Micro Devices X86-64', arm64: 'AArch64' };

for (const [architecture, machine] of Object.entries(machines)) {
  for (const libc of ['glibc', 'musl']) {
    describe(`The addon for Linux on ${architecture}, ${libc}`, () => {
      const path = fileURLToPath(new URL(`linux-${architecture}/@sonde+native.${libc}.node`, PREBUILDS));

      before(function () {
        needsTools(this, 'readelf');
      });

      it('is a library for this processor', () => {
        assert.match(readelf('-h'), new RegExp(`Type: +DYN .*Machine: +${machine}`, 's'));
      });

      it('needs no library but that of C, which Node.js has loaded', () => {
        const needed = [...readelf('-d').matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, library]) => library!);
        const allowed = libc === 'musl' ? ['libc.so'] : ['libc.so.6', 'libdl.so.2', 'libpthread.so.0', 'libm.so.6'];
        // The dynamic linker itself, of which the C library is a part to some linkers.
        const others = needed.filter((library) => !allowed.includes(library) && !library.startsWith('ld-linux'));
        assert.deepEqual(others, []);
      });

      it(`is content with ${libc === 'musl' ? 'any musl' : `glibc ${OLDEST_GLIBC}`}`, () => {
        const versions = new Set([...readelf('-V').matchAll(/\bGLIBC_([\d.]+)/g)].map(([, version]) => version!));
        if (libc === 'musl') assert.equal(versions.size, 0);
        else assert.ok(versions.size > 0);
        for (const version of versions) assert.ok(isUpTo(version, OLDEST_GLIBC), version);
      });

      it("takes of Node.js Node-API's functions alone, and shows it nothing but where to begin", () => {
        const symbols = [...readelf('--dyn-syms').matchAll(/(GLOBAL|WEAK) +\w+ +(\w+) +(\S+)/g)];
        const undefinedOnes = symbols.filter(([, , section]) => section === 'UND').map(([, , , name]) => name!);
        assert.ok(undefinedOnes.some((name) => name === 'napi_create_function'));
        // C++ has names with _Z, V8's and libuv's C functions begin with v8 and uv_, and Node.js's
        // others with node_.
        assert.deepEqual(
          undefinedOnes.filter((name) => /^(_Z|v8|uv_|node_)/.test(name)),
          [],
        );
        const shown = symbols.filter(([, , section]) => section !== 'UND').map(([, , , name]) => name!);
        assert.deepEqual(shown.filter((name) => !name.startsWith('_')).toSorted(), [
          'napi_register_module_v1',
          'node_api_module_get_api_version_v1',
        ]);
      });

      it('has its stubs, whole, where nothing can be written', () => {
        const segments = [...readelf('-l').matchAll(/LOAD.*0x\w+ 0x\w+ (R?) ?(W?) ?(E?) +0x/g)];
        assert.ok(segments.some(([, , write, execute]) => !write && execute));
        assert.ok(!segments.some(([, , write, execute]) => write && execute));
      });

      function readelf(option: string): string {
        return execFileSync('readelf', ['-W', option, path], { encoding: 'utf8' });
      }
    });
  }
}

describe('The addon for musl', function () {
  this.timeout(60_000);

  it('is loaded by the dynamic linker of musl', function () {
    needsTools(this, 'musl-gcc');
    const folder = mkdtempSync(join(tmpdir(), 'sonde-musl-'));
    try {
      const [source, program] = [join(folder, 'load.c'), join(folder, 'load')];
      const addon = fileURLToPath(new URL('linux-x64/@sonde+native.musl.node', PREBUILDS));
      const symbols = execFileSync('readelf', ['-W', '--dyn-syms', addon], { encoding: 'utf8' });
      const ofNode = [...symbols.matchAll(/UND (napi_\w+)/g)].map(([, name]) => `void ${name}(void) {}`);
      assert.ok(ofNode.length > 20);
      writeFileSync(
        source,
        `${ofNode.join(' ')}
         #include <dlfcn.h>
         #include <stdio.h>
         int main(int count, char **arguments) {
           void *addon = dlopen(arguments[1], RTLD_LAZY);
           if (!addon) return puts(dlerror()), 1;
           return dlsym(addon, "napi_register_module_v1") == 0;
         }`,
      );
      execFileSync('musl-gcc', ['-rdynamic', '-o', program, source]);
      execFileSync(program, [addon], { stdio: 'pipe', encoding: 'utf8' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function isUpTo(version: string, limit: string): boolean {
  const [[major = 0, minor = 0], [most = 0, least = 0]] = [version, limit].map((each) =>
    each.split('.').map(Number),
  ) as [number[], number[]];
  return major < most || (major === most && minor <= least);
}
