// Applications that bundlers put together: with the addon beside the bundle, without it, and with
// the export condition sonde-off.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import * as esbuild from 'esbuild';
import { rollup } from 'rollup';
import type { Status } from 'sonde';
import { build as vite } from 'vite';
import webpack from 'webpack';
import { packAll, type Tarballs, unpackInto } from './tarballs.js';

type Format = 'esm' | 'cjs';

interface Bundler {
  name: string;
  formats: Format[];
  /** Writes `output` from `entry` on; returns what was said on the way. */
  bundle(entry: string, output: string, format: Format, conditions: string[]): Promise<string[]>;
}

const bundlers: Bundler[] = [
  {
    name: 'esbuild',
    formats: ['esm', 'cjs'],
    async bundle(entry, output, format, conditions) {
      const { warnings } = await esbuild.build({
        entryPoints: [entry],
        outfile: output,
        bundle: true,
        platform: 'node',
        format,
        conditions,
        logLevel: 'silent',
      });
      return warnings.map(({ text }) => text);
    },
  },
  {
    name: 'Rollup',
    formats: ['esm', 'cjs'],
    async bundle(entry, output, format, conditions) {
      const said: string[] = [];
      const bundle = await rollup({
        input: entry,
        plugins: [nodeResolve({ exportConditions: conditions, preferBuiltins: true })],
        external: /^node:/,
        onLog: (_level, { message }) => said.push(message),
      });
      await bundle.write({ file: output, format: format === 'esm' ? 'es' : 'cjs' });
      return said;
    },
  },
  {
    name: 'webpack',
    formats: ['esm', 'cjs'],
    async bundle(entry, output, format, conditions) {
      const compiler = webpack({
        mode: 'production',
        target: 'node20',
        entry,
        output: {
          path: join(output, '..'),
          filename: output.slice(output.lastIndexOf('/') + 1),
          ...(format === 'esm' && { module: true, library: { type: 'module' } }),
        },
        resolve: { conditionNames: [...conditions, '...'] },
        ...(format === 'esm' && { experiments: { outputModule: true } }),
      })!;
      const stats = await new Promise<webpack.Stats>((resolve, reject) =>
        compiler.run((error, result) => (error ? reject(error) : resolve(result!))),
      );
      await new Promise<void>((resolve) => compiler.close(() => resolve()));
      const { errors = [], warnings = [] } = stats.toJson();
      return [...errors, ...warnings].map(({ message }) => message);
    },
  },
  {
    name: 'Vite, for a server',
    formats: ['esm'],
    async bundle(entry, output, _format, conditions) {
      const said: string[] = [];
      const note = (message: string) => said.push(message);
      await vite({
        root: join(entry, '..'),
        configFile: false,
        customLogger: {
          info: () => {},
          warn: note,
          warnOnce: note,
          error: note,
          clearScreen: () => {},
          hasErrorLogged: () => false,
          hasWarned: false,
        },
        ssr: { noExternal: true, resolve: { conditions: [...conditions, 'node', 'module', 'import', 'default'] } },
        build: {
          ssr: entry,
          outDir: join(output, '..'),
          emptyOutDir: false,
          rollupOptions: { output: { entryFileNames: output.slice(output.lastIndexOf('/') + 1) } },
        },
      });
      return said;
    },
  },
];

const APPLICATION = `
import { int32, provider, status, string } from 'sonde';

const smtp = provider('smtp', { sessionStart: [string('peer'), int32('port')] });
smtp.sessionStart.fire('10.0.0.7', 2525);
console.log(JSON.stringify(status()));
`;

describe('Bundles', function () {
  this.timeout(120_000);
  let work: string;
  let packages: Tarballs;

  before(() => {
    work = mkdtempSync(join(tmpdir(), 'sonde-bundles-'));
    const { sonde, '@sonde/core': core, '@sonde/native': native } = packAll();
    packages = { sonde: sonde!, '@sonde/core': core!, '@sonde/native': native! };
    // As installed: `application` is where it is bundled, other folders where it is deployed.
    mkdirSync(join(work, 'application'));
    writeFileSync(join(work, 'application/main.js'), APPLICATION);
    writeFileSync(join(work, 'application/package.json'), '{"name":"application","type":"module"}');
    unpackInto(join(work, 'application'), packages);
  });

  after(() => {
    if (work) rmSync(work, { recursive: true, force: true });
  });

  for (const { name, formats, bundle } of bundlers) {
    for (const format of formats) {
      const what = `${name}, ${format}`;

      it(`${what}: a bundle has live probes where @sonde/native is beside it, installed or copied`, async () => {
        const { file, folder } = await deploy(format, []);
        cpSync(join(work, 'application/node_modules/@sonde/native'), join(folder, 'node_modules/@sonde/native'), {
          recursive: true,
        });
        const { backend, reason, providers } = run(file);
        assert.deepEqual([backend, reason], ['systemtap', undefined]);
        assert.ok(providers[0]!.location);
      });

      it(`${what}: without it, the bundle runs all the same, and says why its probes are inactive`, async () => {
        const { file, folder } = await deploy(format, []);
        // Where it was bundled is another machine.
        const { backend, reason } = run(file, { hide: join(work, 'application') });
        assert.equal(backend, 'noop');
        assert.match(
          reason!,
          /^systemtap cannot run: @sonde\/native is not in node_modules of .* or above: a bundle does not hold the addon/,
        );
        assert.deepEqual(
          readdirSync(folder).filter((entry) => entry.endsWith('.node')),
          [],
        );
      });

      it(`${what}: under the condition sonde-off, nothing leads to native code`, async () => {
        const { file } = await deploy(format, ['sonde-off']);
        const { backend, reason } = run(file);
        assert.equal(backend, 'noop');
        assert.match(reason!, /the export condition sonde-off leaves out all backends but noop/);
        assert.doesNotMatch(readFileSync(file, 'utf8'), /dlopen|node-gyp-build|sonde\.node|prebuilds/);
      });
    }

    async function deploy(format: Format, conditions: string[]): Promise<{ file: string; folder: string }> {
      const folder = mkdtempSync(join(work, 'deployed-'));
      const file = join(folder, format === 'esm' ? 'main.mjs' : 'main.cjs');
      const said = await bundle(join(work, 'application/main.js'), file, format, conditions);
      assert.deepEqual(said, [], 'what the bundler had to say');
      return { file, folder };
    }
  }

  it('esbuild: what a bundle for sonde-off holds is less than half of another', async () => {
    const sizes = await Promise.all(
      [[], ['sonde-off']].map(async (conditions) => {
        const { outputFiles } = await esbuild.build({
          entryPoints: [join(work, 'application/main.js')],
          bundle: true,
          minify: true,
          platform: 'node',
          format: 'esm',
          conditions,
          write: false,
        });
        return outputFiles[0]!.contents.length;
      }),
    );
    assert.ok(sizes[1]! < sizes[0]! / 1.5, String(sizes));
  });

  function run(file: string, { hide }: { hide?: string } = {}): Status {
    const hidden = hide && `${hide}-hidden`;
    if (hide) spawnSync('mv', [hide, hidden!]);
    try {
      const objects = join(file, '../objects');
      mkdirSync(objects, { mode: 0o700 });
      const { status, stdout, stderr } = spawnSync(process.execPath, [file], {
        encoding: 'utf8',
        env: { PATH: process.env.PATH, SONDE_DIR: objects },
      });
      assert.deepEqual([status, stderr], [0, '']);
      return JSON.parse(stdout);
    } finally {
      if (hide) spawnSync('mv', [hidden!, hide]);
    }
  }
});
