// Runs popular packages' own tests with probes in all of their functions, and in those of all that
// they depend on, and without: the results must be the same. Their tests come in what they publish
// on npm; they are fetched once, and need no network to run.
//
//   node test/projects/run.mjs [--only=fastify,qs] [--returns=fast,exact] [--traced] [--parallel=2] [--limit=120]
//     --traced  with a recorder in the place of a tracer, so that every function also fires
//     --limit   seconds for a file of tests
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';

/** Which files are tests, and what of the development dependencies these need. */
const PROJECTS = [
  { name: 'fastify', version: '5.12.8', tests: /^test\/.*\.test\.js$/ },
  { name: 'find-my-way', version: '9.10.2', tests: /^test\/.*\.test\.js$/ },
  { name: 'avvio', version: '9.3.1', tests: /^test\/.*\.test\.js$/ },
  { name: 'light-my-request', version: '6.8.1', tests: /^test\/.*test\.js$/ },
  { name: 'pino', version: '10.4.0', tests: /^test\/[^/]*\.test\.js$/ },
  { name: 'fast-json-stringify', version: '7.3.10', tests: /^test\/.*\.test\.js$/ },
  { name: 'qs', version: '6.17.1', tests: /^test\/[^/]*\.js$/ },
  { name: 'fastq', version: '1.20.3', tests: /^test\/(test|promise)\.js$/ },
  { name: 'minimist', version: '1.2.8', tests: /^test\/.*\.js$/ },
  // Two of its tests move the home folder's modules out of their way.
  { name: 'resolve', version: '1.22.14', tests: /^test\/[^/]*\.js$/, parallel: 1 },
  { name: 'sonic-boom', version: '5.0.2', tests: /^test\/.*\.test\.js$/ },
  { name: 'split2', version: '4.2.0', tests: /^test\.js$/ },
];
/** What is for style, types and coverage. */
const NOT_NEEDED =
  /eslint|standard|eclint|^tsd$|^@types\/|typescript|tsc|^nyc$|^c8$|borp|benchmark|autocannon|husky|pre-commit|airtap|jest|evalmd|publish|changelog|collapser|shakeify|module-deps|unassertify|^jiti$|^ljharb|^tsx$|webpack|playwright|size-limit|npmignore/;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    returns: { type: 'string', default: 'fast,exact' },
    traced: { type: 'boolean', default: false },
    parallel: { type: 'string', default: '2' },
    limit: { type: 'string', default: '120' },
  },
});
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sonde-projects');
const register = import.meta.resolve('@sonde/node/register');
const objects = mkdtempSync(join(tmpdir(), 'sonde-projects-'));
const recorder = join(objects, 'recorder.mjs');
writeFileSync(
  recorder,
  `import { open } from 'node:inspector';
   import { record } from '${import.meta.resolve('sonde/testing')}';
   // While a debugger may come, exception__thrown is inactive: each of the thousands of exceptions
   // in some tests would take as long as its stack is deep.
   open(0);
   const recorder = record();
   // What is fired is of no interest, and would fill the memory.
   Object.defineProperty(recorder.fired, 'push', { value: () => 0 });`,
);
/** Tells how many functions had probes. */
const REPORT = join(objects, 'report.mjs');
writeFileSync(
  REPORT,
  `import { status } from '${import.meta.resolve('@sonde/node')}';
   import { writeSync } from 'node:fs';
   import { isMainThread } from 'node:worker_threads';
   if (isMainThread) process.on('exit', () => { try { writeSync(3, status().functions.functions + '\\n'); } catch {} });`,
);
/** node:test writes TAP where it is no terminal, until Node.js 20; then only if told. */
const TAP = ['--test-reporter=tap'];
const only = values.only.split(',').filter((name) => name !== '');
let different = 0;
try {
  for (const project of PROJECTS) if (only.length === 0 || only.includes(project.name)) await compare(project);
} finally {
  rmSync(objects, { recursive: true, force: true });
}
if (different > 0) process.exitCode = 1;

/** @param {typeof PROJECTS[number]} project */
async function compare(project) {
  const folder = fetched(project);
  const files = readdirSync(folder, { recursive: true })
    .map(String)
    .filter((file) => project.tests.test(file) && !file.includes('node_modules'))
    .sort();
  const title = `${project.name} ${project.version}`;
  for (const returns of values.returns.split(',')) {
    let checks = 0;
    let functions = 0;
    const differing = [];
    const flaky = [];
    await each(files, project.parallel ?? Number(values.parallel), async (file) => {
      const plain = await run(folder, file);
      const probed = await run(folder, file, returns);
      checks += plain.lines.length;
      functions += probed.functions;
      if (same(plain, probed)) return;
      // Some tests depend on the time, and fail now and then by themselves.
      for (let again = 0; again < 2; again++) {
        if (same(await run(folder, file), await run(folder, file, returns))) {
          flaky.push(file);
          return;
        }
      }
      differing.push({ file, what: difference(plain, probed) });
    });
    different += differing.length;
    console.log(
      `${title}, ${returns}${values.traced ? ', traced' : ''}: ${files.length} files, ${checks} results, ${functions} functions loaded: ` +
        `${differing.length === 0 ? 'the same' : `DIFFERENT in ${differing.length}`}` +
        `${flaky.length > 0 ? `; at the second try in ${flaky.join(', ')}` : ''}`,
    );
    for (const { file, what } of differing) console.log(`  ${relative(cache, join(folder, file))}\n    ${what}`);
  }
}

/** @param {typeof PROJECTS[number]} project */
function fetched({ name, version }) {
  const folder = join(cache, `${name}-${version}`);
  if (existsSync(join(folder, '.ready'))) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  must('npm', ['pack', `${name}@${version}`, '--silent'], folder);
  const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz'));
  must('tar', ['xzf', tarball, '--strip-components=1'], folder);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const wanted = Object.entries(manifest.devDependencies ?? {}).filter(([dependency]) => !NOT_NEEDED.test(dependency));
  manifest.devDependencies = Object.fromEntries(wanted);
  // Not every registry has the newest.
  if (manifest.devDependencies.tape) manifest.devDependencies.tape = '^5.0.0';
  delete manifest.scripts;
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, undefined, 2));
  must('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--legacy-peer-deps'], folder);
  writeFileSync(join(folder, '.ready'), '');
  return folder;
}

/** @param {string} command @param {string[]} parameters @param {string} cwd */
function must(command, parameters, cwd) {
  const { status, stdout, stderr } = spawnSync(command, parameters, { cwd, encoding: 'utf8', timeout: 300_000 });
  if (status !== 0) throw new Error(`${command} ${parameters.join(' ')} in ${cwd}: ${stdout}${stderr}`);
}

/**
 * @returns {Promise<{ code: number | null; lines: string[]; functions: number; output: string }>}
 */
function run(folder, file, returns) {
  const options = returns
    ? [...(values.traced ? ['--import', recorder] : []), '--import', register, '--import', REPORT]
    : [];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...options, ...TAP, file], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        SONDE_DIR: join(objects, 'objects'),
        ...(returns && { SONDE_FUNCTIONS: '**,**/node_modules/**', SONDE_FUNCTIONS_RETURNS: returns }),
      },
    });
    let output = '';
    let functions = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      output += text;
    });
    child.stdio[3].on('data', (text) => {
      functions += text;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), Number(values.limit) * 1000);
    child.on('close', (code) => {
      clearTimeout(timer);
      const lines = output
        .split('\n')
        .flatMap((line) => /^\s*((?:not )?ok) \d+\s*(.*)/.exec(line)?.slice(1).join(' ') ?? []);
      resolve({ code, lines: lines.sort(), functions: Number(functions.split('\n').at(-2) ?? 0), output });
    });
  });
}

function same(one, other) {
  return one.code === other.code && one.lines.join('\n') === other.lines.join('\n');
}

function difference(plain, probed) {
  if (probed.code === null) return `did not end within ${values.limit} s, --limit gives it more`;
  const missing = plain.lines.filter((line) => !probed.lines.includes(line));
  const more = probed.lines.filter((line) => !plain.lines.includes(line));
  const first = probed.output.split('\n').filter((line) => /not ok|Error/.test(line));
  return JSON.stringify({ exit: [plain.code, probed.code], missing, more, first: first.slice(0, 8) }, undefined, 2);
}

/**
 * @template Item @param {Item[]} list @param {number} parallel @param {(item: Item) =>
 * Promise<void>} work
 */
async function each(list, parallel, work) {
  let next = 0;
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      while (next < list.length) await work(list[next++]);
    }),
  );
}
