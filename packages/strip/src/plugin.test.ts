import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import * as esbuild from 'esbuild';
import * as rollup from 'rollup';
import stripEsbuild from './esbuild.js';
import { type Options, strip } from './index.js';
import stripRollup from './rollup.js';
import { BUNDLERS } from './test-bundlers.js';
import { type Files, PROBES } from './test-shapes.js';

const MAIN = `import { smtp } from './probes.js';
smtp.sessionStart.fire('a', 1);
console.log('done');
`;

describe('the plugin', () => {
  let root: string;

  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'strip-')));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function write(files: Files): void {
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), content);
    }
  }

  const bundled = async (options: Options = {}, name = 'esbuild') => {
    const { code, warnings } = await BUNDLERS[name]!(root, { main: 'main.js' }, options);
    return { code: code.main!, warnings };
  };

  describe('refuses wrong options:', () => {
    const wrong: [unknown, RegExp][] = [
      [{ includes: 'src' }, /^@sonde\/strip has no option "includes"; the options are include and exclude$/],
      [{ include: 7 }, /^option include of @sonde\/strip has 7; give a glob \("src\/\*\*"\) or a regular expression/],
      [{ exclude: ['src', ''] }, /^option exclude of @sonde\/strip has ""; give a glob/],
      [{ exclude: [undefined] }, /^option exclude of @sonde\/strip has undefined;/],
      ['src', /^@sonde\/strip was given "src"; give \{ include, exclude \}, or nothing$/],
      [null, /^@sonde\/strip was given null;/],
    ];
    for (const [options, message] of wrong) {
      it(JSON.stringify(options), () => {
        assert.throws(() => strip.rollup(options as Options), { name: 'TypeError', message });
      });
    }
  });

  it('leaves providers of excluded files, in all their uses', async () => {
    write({
      'main.js': `${MAIN}import { http } from './http.js';\nhttp.request.fire('/');\n`,
      'probes.js': PROBES,
      'http.js': `import { provider, string } from 'sonde';\nexport const http = provider('http', { request: [string('url')] });\n`,
    });
    const { code, warnings } = await bundled({ exclude: /http/ });
    assert.match(code, /http\.request\.fire\("\/"\)/);
    assert.match(code, /from"sonde"/);
    assert.doesNotMatch(code, /smtp/);
    assert.deepEqual(warnings, []);
    const { code: other } = await bundled({ include: '**/http.js' });
    assert.match(other, /smtp\.sessionStart\.fire/);
    assert.doesNotMatch(other, /http/);
  });

  for (const name of Object.keys(BUNDLERS).filter((name) => name !== 'Rollup')) {
    it(`removes the probes of libraries: ${name}`, async function () {
      this.timeout(60_000);
      const library = 'node_modules/library';
      write({
        'main.js': `import { go, own } from 'library';\nown.one.fire('b');\nconsole.log(go('a'));\n`,
        [`${library}/package.json`]: JSON.stringify({
          name: 'library',
          exports: './index.js',
          type: 'module',
          dependencies: { '@sonde/core': '*' },
        }),
        [`${library}/index.js`]: `import { own } from './probes.js';
export * from './probes.js';
export const go = (x) => own.work.run([], () => process.hrtime(x));
`,
        [`${library}/probes.js`]: `import { operation, provider, string } from '@sonde/core';
export const own = provider('library', { work: operation(), one: [string('text')] });
`,
      });
      const { code, warnings } = await bundled({}, name);
      assert.doesNotMatch(code, /sonde|library|work|fire/);
      assert.match(code, /hrtime/);
      assert.deepEqual(warnings, []);
      const { code: kept } = await bundled({ exclude: /node_modules/ }, name);
      assert.match(kept, /@sonde\/core/);
      assert.match(kept, /\.work\.run/);
      assert.match(kept, /\.fire\(["'`]b["'`]\)/);
    });
  }

  it('keeps source maps right', async () => {
    write({
      'probes.js': PROBES,
      'main.js': `import { smtp } from './probes.js';

export async function work(x, probe = smtp.sessionStart) {
  smtp.sessionStart.fire('a', x.effect());
  probe.fire('b', 1);
  if (!smtp.sessionDone.enabled) {
    console.log('here');
  }
  const thing = smtp.delivery.run([x], () => x.deep.thing(), () => [1]);
  return smtp.delivery.run([x.first()], async () => {
    const inner = await x.inner(thing);
    return inner.last;
  });
}
`,
    });
    const bundle = await rollup.rollup({ input: join(root, 'main.js'), plugins: [stripRollup()] });
    const { code, map } = (await bundle.generate({ format: 'es', sourcemap: true })).output[0];
    const source = readFileSync(join(root, 'main.js'), 'utf8');
    const texts = ['effect()', "console.log('here')", 'deep.thing()', 'first()', 'x.inner(thing)', 'inner.last'];
    for (const text of texts) {
      const original = originalPositionFor(new TraceMap(JSON.stringify(map)), placeOf(code, text));
      assert.deepEqual({ line: original.line, column: original.column }, placeOf(source, text), text);
    }
  });

  it('leaves a syntax error for the bundler to report', async () => {
    write({ 'main.js': `import { provider } from 'sonde';\nconst = 1;\n` });
    await assert.rejects(bundled(), /Expected identifier but found "="/);
  });

  it('leaves a file that it cannot read as it is, and warns', async () => {
    const sum = Array.from({ length: 20_000 }, (_, index) => `x${index}`).join('+');
    write({ 'main.js': `${MAIN}export const sum = () => ${sum};\n`, 'probes.js': PROBES });
    const { code, warnings } = await bundled();
    assert.match(code, /\.sessionStart\.fire\("a",1\)/);
    assert.match(
      warnings.join(),
      /main\.js: probes stay here, since the plugin cannot read this file: Maximum call stack/,
    );
  });

  it('says nothing where there are no probes, and changes nothing', async () => {
    const code = `const a   =  [1,,2] ;\nexport default a // comment\n`;
    write({ 'main.js': code });
    const plugin = stripRollup() as { transform: { handler: (...all: unknown[]) => Promise<unknown> } };
    const context = { meta: {}, addWatchFile() {}, resolve: async () => null, warn: assert.fail };
    assert.equal(await plugin.transform.handler.call(context, code, join(root, 'main.js')), undefined);
  });

  describe('sees what changes while bundlers watch:', () => {
    const CHANGED = `export const smtp = { sessionStart: { fire: (...values) => console.log('not a probe', ...values) } };\n`;

    it('in esbuild', async () => {
      write({ 'probes.js': PROBES, 'main.js': MAIN });
      const context = await esbuild.context({
        absWorkingDir: root,
        entryPoints: ['main.js'],
        bundle: true,
        write: false,
        format: 'esm',
        logLevel: 'silent',
        plugins: [stripEsbuild()],
      });
      try {
        const build = async () => (await context.rebuild()).outputFiles![0]!.text;
        assert.doesNotMatch(await build(), /smtp/);
        write({ 'probes.js': CHANGED });
        assert.match(await build(), /smtp\.sessionStart\.fire\("a", 1\)/);
        write({ 'probes.js': PROBES });
        assert.doesNotMatch(await build(), /smtp/);
      } finally {
        await context.dispose();
      }
    });

    it('in Rollup', async () => {
      write({
        'probes.js': PROBES,
        'between.js': `import { smtp } from './probes.js';\nexport { smtp };\n`,
        'main.js': MAIN.replace('probes', 'between'),
      });
      const watcher = rollup.watch({
        input: join(root, 'main.js'),
        plugins: [stripRollup()],
        output: { file: join(root, 'out/main.js') },
        watch: { chokidar: { usePolling: true, interval: 20 } } as rollup.WatcherOptions,
      });
      const built = () =>
        new Promise<string>((resolve, reject) => {
          const listen = (event: rollup.RollupWatcherEvent) => {
            if (event.code === 'ERROR') reject(event.error);
            if (event.code !== 'END') return;
            watcher.off('event', listen);
            resolve(readFileSync(join(root, 'out/main.js'), 'utf8'));
          };
          watcher.on('event', listen);
        });
      try {
        assert.doesNotMatch(await built(), /smtp/);
        await sleep(100);
        const again = built();
        write({ 'probes.js': CHANGED });
        assert.match(await again, /smtp\.sessionStart\.fire\('a', 1\)/);
        await sleep(100);
        const back = built();
        write({ 'probes.js': PROBES });
        assert.doesNotMatch(await back, /smtp/);
      } finally {
        await watcher.close();
      }
    });
  });
});

function placeOf(code: string, text: string): { line: number; column: number } {
  const before = code.slice(0, code.indexOf(text)).split('\n');
  return { line: before.length, column: before.at(-1)!.length };
}
