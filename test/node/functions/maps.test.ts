// What is inserted moves columns. Who reads places in what runs finds them where they are without
// it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { useScene } from '../../support/scene.js';
import { cannotTest } from '../../support/tools.js';
import { Application, type Outcome } from './application.js';

const SOURCE = `interface Mail { to: string }

function fails(mail: Mail): string {
  if (mail.to === '') throw new Error('nobody');
  return mail.to;
}

export const deliver = (mail: Mail): string => {
  const lists = [[mail]];
  return lists.map((list) => list.map((each) => fails(each)).join()).join();
};

export class Server {
  #name = 'mail';
  get name(): string {
    return [() => this.#name, () => new Error('of name').stack!][1]!();
  }
  async later(): Promise<string> {
    await null;
    return new Error('later').stack!;
  }
}
`;

/** Calls all of it, and shows every stack; the last error is not caught. */
const USE = `
  try { deliver({ to: '' }); } catch (error) { console.log(error.stack); }
  console.log(new Server().name);
  new Server().later().then((stack) => { console.log(stack); setTimeout(() => deliver({ to: '' })); });`;

describe('@sonde/node: places in functions', function () {
  this.timeout(60_000);
  const scene = useScene();

  /** In one line, by a file that imports it: the map is beside it, or in it. */
  const application = (format: 'cjs' | 'esm', sourcemap: 'external' | 'inline') => {
    const { code, map } = transformSync(SOURCE, {
      ...{ loader: 'ts', format, sourcemap, sourcefile: '../src/mail.ts', minifyWhitespace: true },
    });
    const name = format === 'cjs' ? 'mail.cjs' : 'mail.mjs';
    const main = format === 'cjs' ? 'main.cjs' : 'main.mjs';
    const text = sourcemap === 'inline' ? code : `${code}//# sourceMappingURL=${name}.map\n`;
    const app = new Application(scene.current, {
      [`dist/${name}`]: text,
      ...(sourcemap === 'external' && { [`dist/${name}.map`]: map }),
      'src/mail.ts': SOURCE,
      [main]:
        format === 'cjs'
          ? `const { deliver, Server } = require('./dist/mail.cjs');${USE}`
          : `import { deliver, Server } from './dist/mail.mjs';${USE}`,
    });
    return { app, main };
  };

  for (const format of ['cjs', 'esm'] as const) {
    for (const sourcemap of ['external', 'inline'] as const) {
      it(`are those of the source in stacks with --enable-source-maps, and so is the line of an uncaught error: ${format}, ${sourcemap}`, () => {
        const { app, main } = application(format, sourcemap);
        // The file that uses it has no source map, and is not looked at.
        const run = (environment: Record<string, string>) =>
          app.run(main, { NODE_OPTIONS: '--enable-source-maps', SONDE_FUNCTIONS: 'dist/**', ...environment });
        const without = run({ SONDE_FUNCTIONS: 'off' });
        assert.match(without.stdout, /src\/mail\.ts:4:29/);
        assert.match(without.stderr, /src\/mail\.ts:4\n {2}if \(mail.to === ''\) throw/);
        for (const returns of ['fast', 'exact']) {
          // The second time, all of it is in the cache.
          for (let i = 0; i < 2; i++) {
            const with_ = run({ SONDE_FUNCTIONS_RETURNS: returns });
            assert.ok(with_.status.functions > 6);
            assert.deepEqual(written(with_), written(without));
          }
        }
      });
    }
  }

  it('are those of the source in stacks where the program asks for source maps itself', () => {
    const { app, main } = application('esm', 'external');
    app.write('ask.mjs', 'process.setSourceMapsEnabled(true);');
    app.write('asks.mjs', `import './ask.mjs';\nawait import('./${main}');`);
    const run = (functions: string) => written(app.run('asks.mjs', { SONDE_FUNCTIONS: functions }));
    assert.match(run('off').stdout, /src\/mail\.ts:4:29/);
    assert.deepEqual(run('dist/**'), run('off'));
  });

  it('change nothing else for a file without a source map: stacks look as they do, and findSourceMap finds none', () => {
    const app = new Application(scene.current, {
      'main.cjs': `
        const { findSourceMap } = require('node:module');
        class A { static s() { return new Error('s').stack; } get g() { return new Error('g').stack; } }
        for (const text of [A.s(), new A().g, (() => new Error('arrow').stack)(), findSourceMap(__filename)]) console.log(text);`,
    });
    const run = (functions: string) =>
      written(app.run('main.cjs', { NODE_OPTIONS: '--enable-source-maps', SONDE_FUNCTIONS: functions })).stdout;
    // Its columns are those of what runs.
    const lines = (text: string) => text.replace(/:\d+(?=\)?$)/gm, '');
    assert.match(run('off'), /undefined$/m);
    assert.equal(lines(run('**')), lines(run('off')));
  });

  it('are read nowhere that the program would have to wait', () => {
    const app = new Application(scene.current, {
      'main.cjs': `function f() { return 1 }\nf();\n//# sourceMappingURL=pipe`,
    });
    execFileSync('mkfifo', [join(app.folder, 'pipe')]);
    const { fired, exitCode } = app.run('main.cjs');
    assert.deepEqual([fired, exitCode], [['> main.cjs f 1', '< f'], 0]);
  });

  it('are those of the text that was written where a debugger is open', () => {
    const { app } = application('esm', 'external');
    app.write('plain.cjs', `function plain() {\n  return [() => 1].map((f) => f());\n}\nplain();`);
    app.write(
      'debugged.mjs',
      `import { Session } from 'node:inspector';
       import './dist/mail.mjs';
       import './plain.cjs';
       const session = new Session();
       session.connect();
       const maps = {};
       session.on('Debugger.scriptParsed', ({ params }) => {
         const name = /(?:mail\\.mjs|plain\\.cjs)$/.exec(params.url)?.[0];
         if (name) maps[name] = params.sourceMapURL;
       });
       session.post('Debugger.enable');
       const { readFileSync } = await import('node:fs');
       const sources = ([name, url]) => [name, JSON.parse(readFileSync(url, 'utf8')).sources];
       console.log(JSON.stringify(Object.fromEntries(Object.entries(maps).map(sources))));`,
    );
    const { stdout, stderr } = app.run('debugged.mjs', { NODE_OPTIONS: '--inspect=0' });
    const url = (path: string) => `file://${app.folder}/${path}`;
    assert.ok(stdout.startsWith('{'), `${stdout}${stderr}`);
    assert.deepEqual(JSON.parse(stdout), { 'mail.mjs': [url('src/mail.ts')], 'plain.cjs': [url('plain.cjs')] });
  });

  it('are left alone where coverage is measured: there are no probes then, and the reason says so', () => {
    const app = new Application(scene.current, { 'main.cjs': 'function f() { return 1 }\nf();' });
    const { fired, status } = app.run('main.cjs', { NODE_V8_COVERAGE: join(app.folder, 'coverage') });
    assert.deepEqual([fired, status.functions], [[], 0]);
    assert.match(status.reason!, /^NODE_V8_COVERAGE is set, .*: unset it/);
  });

  it('are those of the source where frames have names in native stacks', function () {
    if (process.platform !== 'linux') cannotTest(this, `this is ${process.platform}, not Linux`);
    const { app } = application('cjs', 'external');
    app.write(
      'named.mjs',
      `import { readFileSync } from 'node:fs';
       import { createRequire } from 'node:module';
       import { stacks } from '${import.meta.resolve('@sonde/node')}';
       stacks.enable();
       const { deliver, Server } = createRequire(import.meta.url)('./dist/mail.cjs');
       try { deliver({ to: '' }); } catch {}
       new Server().name;
       stacks.flush();
       const names = readFileSync(stacks.status().map, 'utf8').match(/\\w+ \\S+mail\\.ts:\\d+$/gm) ?? [];
       console.log(JSON.stringify([...new Set(names)].sort()));
       stacks.disable();`,
    );
    const run = (functions: string) => JSON.parse(app.run('named.mjs', { SONDE_FUNCTIONS: functions }).stdout);
    const names = run('off') as string[];
    assert.ok(names.includes(`fails ${join(app.folder, 'src/mail.ts')}:3`), names.join('\n'));
    assert.deepEqual(run('dist/**'), names);
  });
});

/** But for frames of others: of the loader, and of what is traced of it. */
const written = ({ exitCode, stdout, stderr }: Outcome) => {
  const own = (text: string) =>
    text
      .split('\n')
      .filter((line) => !/^ {4}at /.test(line) || line.includes('/app/'))
      .join('\n');
  return { exitCode, stdout: own(stdout), stderr: own(stderr) };
};
