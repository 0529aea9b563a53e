// Several sonde in one tree: a dependency brings its own version. All meet in the registry, under a
// global symbol; the first that is loaded makes the probes of all. That libraries with @sonde/core
// alone do the same is in ../libraries.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, readlinkSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { told } from '../support/run-node.js';
import { type Scene, useScene } from '../support/scene.js';

const SONDE = dirname(dirname(fileURLToPath(import.meta.resolve('sonde'))));
const NATIVE = dirname(dirname(fileURLToPath(import.meta.resolve('@sonde/native'))));
const TELL = JSON.stringify(new URL('tell.js', import.meta.url));

interface Copy {
  version: string;
  /** Of the registry's symbol: another one is a version that shares nothing with this. */
  registry?: number;
}

/**
 * An application with sonde, and the package `mail`, which brings a sonde of its own, with an addon
 * of its own.
 */
function install({ folder }: Scene, own: Copy, mail: Copy): void {
  copy(join(folder, 'node_modules'), own);
  copy(join(folder, 'node_modules/mail/node_modules'), mail);
  writeFileSync(
    join(folder, 'node_modules/mail/package.json'),
    '{ "name": "mail", "type": "module", "exports": "./index.js" }',
  );
  writeFileSync(
    join(folder, 'node_modules/mail/index.js'),
    `import { int32, provider, status, string } from 'sonde';
     export const define = (more = []) => provider('smtp', { sessionStart: [string('peer'), int32('port'), ...more] });
     export { status };`,
  );
}

function copy(folder: string, { version, registry = 1 }: Copy): void {
  mkdirSync(join(folder, '@sonde'), { recursive: true });
  for (const [from, name] of [
    [SONDE, 'sonde'],
    [NATIVE, '@sonde/native'],
  ] as const) {
    for (const part of name === 'sonde' ? ['lib'] : ['lib', 'addon/build/Release/sonde.node']) {
      cpSync(join(from, part), join(folder, name, part), { recursive: true });
    }
    const manifest = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
    writeFileSync(join(folder, name, 'package.json'), JSON.stringify({ ...manifest, version }));
  }
  // What third parties sonde needs is beside the original.
  for (const name of ['debug', 'node-gyp-build']) {
    const other = join(NATIVE, 'node_modules', name);
    symlinkSync(other, join(folder, name));
  }
  const whole = join(folder, 'sonde/lib/index-whole.cjs');
  for (const file of ['index', 'internal', 'index-whole']) {
    const path = join(folder, `sonde/lib/${file}.cjs`);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/"sonde@[^"]*"/g, JSON.stringify(`sonde@${version}`)));
  }
  const text = readFileSync(whole, 'utf8');
  const symbol = (number: number) => `sonde.registry.${number}`;
  assert.ok(text.includes(symbol(1)));
  writeFileSync(whole, text.replaceAll(symbol(1), symbol(registry)));
}

describe('Two versions of sonde in one program', function () {
  this.timeout(60_000);
  const scene = useScene();
  const OWN = { version: '1.2.3' };
  const OTHER = { version: '0.9.0' };

  const run = <Result>(program: string): Result => {
    const file = join(scene.current.folder, 'program.mjs');
    writeFileSync(file, program);
    return told(scene.current, [file]);
  };

  const imports = {
    own: `import { int32, provider, status, string } from 'sonde';`,
    mail: `import { define as defineMail, status as statusOfMail } from 'mail';`,
  };
  const tracing = `import { starts, traceSmtp } from ${TELL};`;
  const define = `provider('smtp', { sessionStart: [string('peer'), int32('port')] })`;
  const addons = `process.report.getReport().sharedObjects.filter((path) => path.endsWith('sonde.node') && path.includes('/node_modules/')).length`;

  for (const [first, second] of [
    ['own', 'mail'],
    ['mail', 'own'],
  ] as const) {
    it(`have one registry and, for one definition, one probe object: ${first} loaded first`, () => {
      install(scene.current, OWN, OTHER);
      const { seen, enabled, locations, known, addon } = run<{
        seen: unknown;
        enabled: boolean[];
        locations: string[];
        known: unknown[];
        addon: number;
      }>(`
        ${imports[first]} ${imports[second]}
        const smtp = ${define};
        const mail = defineMail();
        const addon = ${addons};
        const { starts, traceSmtp } = await import(${TELL});
        const locations = status().providers.map(({ location }) => location);
        const tracer = traceSmtp(locations[0]);
        const enabled = [smtp.sessionStart.enabled, mail.sessionStart.enabled];
        smtp.sessionStart.fire('own', 1);
        mail.sessionStart.fire('mail', 2);
        const seen = starts(tracer);
        tracer.detach();
        const known = [status(), statusOfMail()].map(({ backend, providers }) => [backend, providers.length]);
        console.log(JSON.stringify({ seen, enabled, locations, known, addon }));`);
      assert.deepEqual(seen, [
        ['own', 1],
        ['mail', 2],
      ]);
      assert.deepEqual(enabled, [true, true]);
      assert.equal(locations[0], locations[1]);
      assert.deepEqual(known, [
        ['systemtap', 2],
        ['systemtap', 2],
      ]);
      assert.equal(addon, 1, 'the second addon is not loaded');
    });
  }

  it('have, for two definitions of one provider, an object each, and the link shows the newest', () => {
    install(scene.current, OWN, OTHER);
    const { seen, enabled, locations } = run<{ seen: unknown; enabled: boolean[]; locations: string[] }>(`
      ${imports.own} ${imports.mail} ${tracing}
      const smtp = ${define};
      const mail = defineMail([string('tls')]);
      const locations = status().providers.map(({ location }) => location);
      const tracers = locations.map((location) => traceSmtp(location));
      const enabled = [smtp.sessionStart.enabled, mail.sessionStart.enabled];
      smtp.sessionStart.fire('own', 1);
      mail.sessionStart.fire('mail', 2, 'yes');
      const seen = tracers.map(starts);
      for (const tracer of tracers) tracer.detach();
      console.log(JSON.stringify({ seen, enabled, locations }));`);
    assert.deepEqual(seen, [[['own', 1]], [['mail', 2]]]);
    assert.deepEqual(enabled, [true, true]);
    assert.notEqual(locations[0], locations[1]);
    assert.equal(readlinkSync(join(scene.current.objects, 'smtp.so')), basename(locations[1]!));
  });

  it('that share no registry have an addon and a status each, and the same probe object still', () => {
    install(scene.current, OWN, { ...OTHER, registry: 0 });
    const { seen, known, locations, addon } = run<{
      seen: unknown;
      known: unknown;
      locations: string[];
      addon: number;
    }>(`
      ${imports.own} ${imports.mail}
      const smtp = ${define};
      const mail = defineMail();
      const addon = ${addons};
      const { starts, traceSmtp } = await import(${TELL});
      const both = [status(), statusOfMail()];
      const locations = both.map(({ providers }) => providers[0].location);
      const tracer = traceSmtp(locations[0]);
      smtp.sessionStart.fire('own', 1);
      mail.sessionStart.fire('mail', 2);
      const seen = starts(tracer);
      tracer.detach();
      console.log(JSON.stringify({ seen, known: both.map(({ providers }) => providers.length), locations, addon }));`);
    assert.deepEqual(seen, [
      ['own', 1],
      ['mail', 2],
    ]);
    assert.deepEqual(known, [1, 1]);
    assert.equal(locations[0], locations[1]);
    assert.equal(addon, 2);
  });

  for (const place of ['build/Release/sonde.node', `prebuilds/${process.platform}-${process.arch}/node.napi.node`]) {
    it(`that are one file evaluated twice, as test runners do, pass each its own texts: ${place}`, () => {
      install(scene.current, OWN, OTHER);
      const addon = join(scene.current.folder, 'node_modules/@sonde/native/addon');
      mkdirSync(dirname(join(addon, place)), { recursive: true });
      renameSync(join(addon, 'build/Release/sonde.node'), join(addon, place));
      const seen = run(`
        const [first, second] = await Promise.all([1, 2].map(async (copy) => {
          const sonde = await import(new URL('index.js?' + copy, import.meta.resolve('sonde')));
          delete globalThis[Symbol.for('sonde.registry.1')];
          return sonde;
        }));
        const define = ({ provider, string, int32 }) => provider('smtp', { sessionStart: [string('peer'), int32('port')] });
        const [one, two] = [define(first), define(second)];
        const { starts, traceSmtp } = await import(${TELL});
        const tracer = traceSmtp(first.status().providers[0].location);
        one.sessionStart.fire('one', 1);
        two.sessionStart.fire('two', 2);
        one.sessionStart.fire('one', 3);
        two.sessionStart.fire('two', 4);
        const seen = starts(tracer);
        tracer.detach();
        console.log(JSON.stringify(seen));`);
      assert.deepEqual(seen, [
        ['one', 1],
        ['two', 2],
        ['one', 3],
        ['two', 4],
      ]);
    });
  }

  it('meet under a symbol, in an object that versions agree on', () => {
    install(scene.current, OWN, OTHER);
    const registry = run(`
      ${imports.own}
      provider('smtp', { sessionStart: [] });
      const registry = globalThis[Symbol.for('sonde.registry.1')];
      const [first] = [...registry.providers].map((reference) => reference.deref());
      console.log(JSON.stringify([registry, registry.loader, first].map((each) =>
        Object.entries(each).map(([key, value]) => key + ':' + (value instanceof Set ? 'Set' : typeof value)))));`);
    // Another shape needs another number in the symbol.
    assert.deepEqual(registry, [
      ['providers:Set', 'loader:object', 'recorder:undefined', 'operations:undefined'],
      ['selection:function', 'load:function'],
      ['definition:object', 'replace:function', 'watch:function', 'status:function'],
    ]);
  });
});
