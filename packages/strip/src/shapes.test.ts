import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUNDLERS, type Bundled } from './test-bundlers.js';
import { type Files, OTHERS, SHAPES, type Shape } from './test-shapes.js';

/**
 * What nothing is left of: the names of sonde, of the probes, and of the core that does nothing.
 */
const PROBES =
  /sonde|noop|smtp|http|session_?(start|done)|delivery|recipient|request\b|\.fire|fireWith|runCallback|unload/i;

/** What stands before the file's name in a warning of the plugin's. */
const OWN = /^.*?(?=[\w.]+:\d+:\d+: )/s;

/** A folder's name that bundlers do not turn into another. */
const folderOf = ({ name }: Shape) => name.replace(/\W+/g, '-').replace(/^-|-$/g, '');
const isLeft = ({ stays }: Shape, bundler: string) => stays === true || stays?.includes(bundler) === true;
const ALL = [...SHAPES, ...OTHERS];
const IDENTICAL = SHAPES.filter(({ isIdentical }) => isIdentical);
const entriesOf = (shapes: readonly Shape[]) =>
  Object.fromEntries(shapes.map((shape) => [folderOf(shape), join(folderOf(shape), shape.entry)]));

describe('what becomes of the ways to use probes, in production builds', () => {
  let folder: string;
  let expected: Record<string, unknown>;

  before(async function () {
    this.timeout(120_000);
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'strip-')));
    mkdirSync(join(folder, 'node_modules'));
    const sonde = fileURLToPath(import.meta.resolve('sonde')).replace(/\/lib\/.*/, '');
    symlinkSync(sonde, join(folder, 'node_modules/sonde'));
    const root = join(folder, 'with-probes');
    for (const shape of ALL) write(join(root, folderOf(shape)), driven(shape, shape.files));
    expected = run(root, await BUNDLERS.Rolldown!(root, entriesOf(ALL), false));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [name, bundle] of Object.entries(BUNDLERS)) {
    describe(`${name}:`, () => {
      let made: Bundled;
      let wanted: Bundled;
      let done: Record<string, unknown>;

      before(async function () {
        this.timeout(120_000);
        // Both in the same folder: its name is in what some bundlers write.
        const root = join(folder, name);
        for (const shape of ALL) write(join(root, folderOf(shape)), driven(shape, shape.files));
        made = await bundle(root, entriesOf(ALL), {});
        done = run(root, made);
        rmSync(root, { recursive: true });
        for (const shape of IDENTICAL)
          write(join(root, folderOf(shape)), driven(shape, { ...shape.files, ...shape.without }));
        // What webpack and Rspack number modules by has their loaders in it, so that both bundles
        // must have this one.
        wanted = await bundle(root, entriesOf(IDENTICAL), name === 'webpack' || name === 'Rspack' ? {} : false);
      });

      for (const shape of ALL) {
        const { name: what, isIdentical, warnings = [] } = shape;
        const key = folderOf(shape);
        it(`${what}: ${isIdentical ? 'as if written without' : isLeft(shape, name) ? 'stays, disabled' : 'nothing is left'}`, () => {
          const code = made.code[key]!;
          assert.deepEqual(done[key], expected[key], code);
          if (isIdentical) assert.equal(code, wanted.code[key]);
          else assert.equal(PROBES.test(code), isLeft(shape, name), code);
          const told = made.warnings
            .filter((each) => each.includes(`/${key}/`) && OWN.test(each))
            .map((each) => each.replace(OWN, ''))
            .sort();
          assert.equal(told.length, warnings.length, told.join('\n'));
          for (const [index, warning] of [...warnings].sort().entries())
            assert.ok(told[index]!.startsWith(warning), told[index]);
        });
      }
    });
  }

  it('README.md has the table', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    assert.ok(readme.includes(table()), table());
  });
});

/** By shape and bundler. */
function table(): string {
  const bundlers = Object.keys(BUNDLERS);
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  const rows = SHAPES.map((shape) =>
    row([
      shape.name,
      ...bundlers.map((each) => (shape.isIdentical ? 'identical' : isLeft(shape, each) ? '**stays**' : 'nothing left')),
    ]),
  );
  return row(['', ...bundlers]) + row(['', ...bundlers].map(() => '---')) + rows.join('');
}

function driven({ entry, drive = '' }: Shape, files: Files): Files {
  return { ...files, [entry]: `${files[entry]}${drive}\n` };
}

/** What each entry of a bundle prints. */
function run(root: string, { code }: Bundled): Record<string, unknown> {
  const folder = join(root, 'bundled');
  write(folder, Object.fromEntries(Object.entries(code).map(([name, text]) => [`${name}.js`, text])));
  write(folder, { 'package.json': '{ "type": "module" }', 'run.js': RUN });
  const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'run.js'), ...ALL.map(folderOf)], {
    encoding: 'utf8',
    env: { ...process.env, SONDE_BACKEND: 'noop' },
  });
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

/** Imports the entries one after the other, in one process. */
const RUN = `import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
const { log } = console;
const printed = {};
process.setMaxListeners(100);
for (const entry of process.argv.slice(2)) {
  const lines = (printed[entry] = []);
  console.log = (...values) => void lines.push(values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' '));
  process.removeAllListeners('exit');
  try {
    await import('./' + entry + '.js');
    await sleep(5);
    process.emit('exit', 0);
  } catch (error) {
    lines.push(String(error));
  }
}
process.removeAllListeners('exit');
log(JSON.stringify(printed));
`;

function write(folder: string, files: Files): void {
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), content);
  }
}
