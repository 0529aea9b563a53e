// What would be published: the tarballs, as those see them who install them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { build } from 'esbuild';
import { publint } from 'publint';
import { packAll, packageNames, type Tarballs, unpackInto } from './tarballs.js';

describe('What is published', function () {
  this.timeout(120_000);
  let work: string;
  let packages: Tarballs;

  before(() => {
    work = mkdtempSync(join(tmpdir(), 'sonde-publish-'));
    packages = packAll();
  });

  after(() => {
    if (work) rmSync(work, { recursive: true, force: true });
  });

  for (const name of packageNames()) {
    describe(name, () => {
      const files = () =>
        execFileSync('tar', ['-tzf', packages[name]!], { encoding: 'utf8' })
          .trim()
          .split('\n')
          .map((file) => file.replace(/^package\//, ''));
      const manifest = () =>
        JSON.parse(execFileSync('tar', ['-xzOf', packages[name]!, 'package/package.json'], { encoding: 'utf8' }));

      it('holds what it needs, and nothing else', () => {
        const allowed =
          /^(package\.json|README\.md|LICENSE|bin\/sonde\.c?js|lib\/([\w.-]+\.[cm]?js(\.map)?|flame\.html)|dist\/[\w/-]+\.d\.c?ts|addon\/(binding\.gyp|[\w-]+\.(cc|h)|prebuilds\/.*\.node))$/;
        assert.deepEqual(
          files().filter((file) => !allowed.test(file) || /\.test\.|\/test-/.test(file)),
          [],
        );
        for (const file of ['README.md', 'LICENSE', 'package.json']) assert.ok(files().includes(file), file);
      });

      it('is of the same version as the others, asks for exactly theirs, and runs nothing when it is installed', () => {
        const { version, dependencies = {}, scripts = {}, publishConfig } = manifest();
        const others = Object.entries(dependencies).filter(
          ([other]) => other === 'sonde' || other.startsWith('@sonde/'),
        );
        assert.deepEqual(
          others.filter(([, range]) => range !== version),
          [],
        );
        assert.equal(
          version,
          JSON.parse(readFileSync(new URL('../../../packages/sonde/package.json', import.meta.url), 'utf8')).version,
        );
        assert.deepEqual(scripts, {});
        assert.ok(!files().includes('binding.gyp'), 'package managers take it for a script');
        assert.deepEqual(publishConfig, { access: 'public', provenance: true });
      });

      it('says what it is, where it comes from and which Node.js it needs, as the others do', () => {
        const { description, keywords, homepage, bugs, repository, license, engines } = manifest();
        assert.ok(description.length > 20);
        assert.ok(keywords.includes('tracing'));
        const { directory, url } = repository;
        assert.match(url, /^git\+https:\/\/.*\/sonde\.git$/);
        const site = url.slice('git+'.length, -'.git'.length);
        assert.deepEqual([homepage, bugs], [`${site}/tree/main/${directory}#readme`, `${site}/issues`]);
        assert.deepEqual([license, engines], ['MIT', { node: '>=20.19' }]);
        const here = new URL(`../../../${directory}/package.json`, import.meta.url);
        assert.equal(JSON.parse(readFileSync(here, 'utf8')).name, name);
      });

      it('depends on what its code and its types name, and on nothing else', async () => {
        const unpacked = join(work, 'unpacked');
        unpackInto(unpacked, { [name]: packages[name]! });
        const place = join(unpacked, 'node_modules', name);
        // esbuild breaks long lines, in strings as well.
        const read = (file: string) => readFileSync(join(place, file), 'utf8').replaceAll('\\\n', '');
        const code = files().filter((file) => /\.c?js$/.test(file));
        const types = files().filter((file) => file.endsWith('.d.ts'));
        const { metafile } = await build({
          // Each under its whole name: one is for import, and one of the same name but the
          // extension for require.
          entryPoints: Object.fromEntries(code.map((file) => [file, join(place, file)])),
          ...{ bundle: true, write: false, outdir: work, metafile: true, logLevel: 'silent' },
          ...{ platform: 'node', format: 'esm', packages: 'external' },
        });
        const named = [
          ...Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path)),
          ...types.flatMap((file) =>
            [...read(file).matchAll(/(?:^(?:im|ex)port\b[^;]*? from |\bimport\()'([^.'][^']*)'/gm)].map(
              ([, path]) => path!,
            ),
          ),
        ].filter((path) => !isBuiltin(path));
        const packageOf = (path: string) => /^(@[^/]+\/)?[^/]+/.exec(path)![0];
        const { dependencies = {} } = manifest();
        const others = new Set(named.map(packageOf).filter((other) => other !== name));
        assert.deepEqual(
          [...others].filter((other) => !(other in dependencies)),
          [],
          'missing',
        );
        // Some are asked for by name, when they are needed.
        const isNamed = (other: string) =>
          [...code, ...types].some((file) => new RegExp(`["'\`]${other}["'\`/]`).test(read(file)));
        assert.deepEqual(
          Object.keys(dependencies).filter((other) => !isNamed(other)),
          [],
          'not needed',
        );
      });

      it('has nothing that publint would change', async () => {
        const { buffer, byteOffset, byteLength } = readFileSync(packages[name]!);
        const tarball = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
        const { messages } = await publint({ pack: { tarball }, level: 'warning', strict: true });
        assert.deepEqual(messages, []);
      });

      it('has types that are found, and right, wherever it is imported', async () => {
        const result = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(packages[name]!))));
        const problems = result.types
          ? // require() of ES modules is what Node.js has from 20.19 on; the resolution of Node.js 10 knows no exports.
            result.problems.filter(
              (problem) =>
                problem.kind !== 'CJSResolvesToESM' &&
                !('resolutionKind' in problem && problem.resolutionKind === 'node10'),
            )
          : ['no types'];
        // A package that is only a command has nothing that could be imported.
        const isImported = Object.keys(manifest().exports).some((path) => path !== './package.json');
        assert.deepEqual(problems, isImported ? [] : ['no types']);
      });

      it('would be taken by npm publish', () => {
        const output = execFileSync('npm', ['publish', '--dry-run', '--json', '--provenance=false', packages[name]!], {
          cwd: work,
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        assert.ok(output.includes(`"${name}`), output);
      });
    });
  }

  it('compiles in other people’s programs: ES modules and CommonJS, by every resolution', () => {
    const folder = join(work, 'types');
    mkdirSync(folder);
    const { sonde, '@sonde/core': core, '@sonde/native': native } = packages;
    unpackInto(folder, { sonde: sonde!, '@sonde/core': core!, '@sonde/native': native! });
    const program = `
      import { int32, operation, provider, status, string, type Probe } from 'sonde';
      import { record } from 'sonde/testing';
      const smtp = provider('smtp', { start: [string('peer'), int32('port')], delivery: operation({ start: [string('to')] }) });
      smtp.start.fire('peer', 25);
      // @ts-expect-error
      smtp.start.fire(25, 'peer');
      export const probe: Probe<[string, number]> = smtp.start;
      export const sum: Promise<number> = smtp.delivery.run(['a'], async () => status().providers.length);
      record().stop();
    `;
    writeFileSync(join(folder, 'module.mts'), program);
    writeFileSync(join(folder, 'common.cts'), program);
    const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
    const options = ['--strict', '--target', 'es2023', '--noEmit', '--types', ''];
    for (const [module, resolution, files] of [
      ['nodenext', 'nodenext', ['module.mts', 'common.cts']],
      // In which CommonJS cannot import ES modules.
      ['node16', 'node16', ['module.mts']],
      ['esnext', 'bundler', ['module.mts']],
    ] as const) {
      execFileSync(
        process.execPath,
        [compiler, ...options, '--module', module, '--moduleResolution', resolution, ...files],
        {
          cwd: folder,
          stdio: 'pipe',
        },
      );
    }
    assert.ok(existsSync(folder));
  });
});
