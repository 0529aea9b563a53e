// Runs one of the suites that `npm test` leaves out. The table below has all of them.
//
//   npm run suite                                       # prints the table
//   npm run suite -- NAME [OPTION …]
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * A suite: its name, what it does in one line, and its steps, which run one after the other until
 * one fails.
 *
 * @typedef {object} Suite
 * @property {string} name
 * @property {string} what
 * @property {number} [minutes] how long it takes by default, where `--minutes` changes that;
 * without it, the suite takes no `--minutes`
 * @property {string} [options] those that its last step takes itself, where it does: then all that
 * stands behind the name is for that
 * @property {Record<string, string>} [env]
 * @property {Step[]} steps
 *
 * A step makes a command and its arguments of what stands on the command line.
 *
 * @typedef {(given: { minutes: number, grep: string | undefined, own: string[] }) => string[]} Step
 */

/** @type {Step} */
const setup = () => ['node', 'scripts/setup.mjs'];

/** @returns {Step} */
const prebuild =
  (...parameters) =>
  () => ['node', 'scripts/prebuild.mjs', ...parameters];

/** @returns {Step} */
const program =
  (...command) =>
  ({ own }) => [...command, ...own];

/**
 * Files of tests. A test gets as much time as the whole suite is to take, and never less than two
 * minutes: what hangs is reported by its name.
 *
 * @returns {Step}
 */
const mocha = (spec) => (given) => [
  'node',
  'node_modules/mocha/bin/mocha.js',
  '--no-config',
  '--enable-source-maps',
  `--timeout=${Math.max(120_000, given.minutes * 60_000)}`,
  ...(given.grep === undefined ? [] : [`--grep=${given.grep}`]),
  spec,
];

const NODE_ADDON = '--addon=packages/node/addon';

/** @type {Suite[]} */
const SUITES = [
  {
    name: 'arm64',
    what: 'Node.js for arm64 in QEMU: the conformance suite, and gdb on it',
    steps: [
      setup,
      prebuild('linux-arm64-glibc'),
      prebuild('--addon=test/selftrace', 'linux-arm64-glibc'),
      mocha('test/dist/arm64/*.test.js'),
    ],
  },
  {
    name: 'bpftrace',
    what: "what the command does by bpftrace, with a newer version of it: Debian trixie's",
    steps: [
      setup,
      (given) => [
        'test/newer-bpftrace',
        'trixie',
        ...mocha('test/dist/command/*.test.js')({ ...given, grep: given.grep ?? 'bpftrace' }),
      ],
    ],
  },
  {
    name: 'environments',
    what: 'programs in every environment of docs/environments.md, on Node.js 20 to 26',
    steps: [setup, mocha('test/dist/environments/*.test.js')],
  },
  {
    name: 'hard',
    what: 'hard conditions, each with its goal: millions of fires, races, kills, attackers, full disks, sanitizers',
    minutes: 5,
    steps: [setup, mocha('test/dist/hard/*.test.js')],
  },
  {
    name: 'install',
    what: 'the packages as they would be published, installed by every package manager, built and bundled',
    steps: [
      setup,
      prebuild('linux-x64-glibc'),
      prebuild(NODE_ADDON, '--node=own', 'linux-x64-glibc', 'linux-x64-musl'),
      mocha('test/dist/{install,prebuilds/node}/*.test.js'),
    ],
    env: { PREBUILT: 'own' },
  },
  {
    name: 'instructions',
    what: 'how many instructions of the addon a fire takes, counted by valgrind',
    steps: [setup, mocha('test/dist/instructions/*.test.js')],
  },
  {
    name: 'node',
    what: "@sonde/node's longer tests: bpftrace's scripts with PostgreSQL, tracers that come and go, bridges",
    steps: [setup, mocha('test/dist/node/long/*.test.js')],
  },
  {
    name: 'nodes',
    what: 'the tests of npm test on Node.js 22, 24 and 26',
    options: '[--quick] [LINE …]: without what does not depend on Node.js; some lines only',
    steps: [setup, program('test/nodes')],
  },
  {
    name: 'prebuilt',
    what: 'all 30 prebuilt addons as files, which npm run prebuild and npm run prebuild:node have made',
    steps: [setup, mocha('test/dist/prebuilds/**/*.test.js')],
  },
  {
    name: 'projects',
    what: "twelve popular packages' own tests, with probes in all functions and without; by hand",
    options: 'see test/projects/run.mjs',
    steps: [setup, program('node', 'test/projects/run.mjs')],
  },
  {
    name: 'stacks-load',
    what: 'names in native stacks against the stack argument of the same fire, under load; by hand',
    options: '--minutes N [--node PATH]',
    steps: [setup, program('node', 'test/dist/stacks-load/load.js')],
  },
  {
    name: 'vm',
    what: 'DTrace for Linux, SystemTap and user events on other kernels, in virtual machines',
    options: '[--kernel=NAME] [--grep TEXT]: see test/vm/README.md',
    steps: [setup, program('test/vm/test')],
  },
];

const { suite, ...given } = readCommandLine();
const root = dirname(dirname(fileURLToPath(import.meta.url)));
for (const step of suite.steps) {
  const [command, ...args] = step(given);
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    // How much a test does is in proportion: test/hard/scale.ts.
    env: { ...process.env, ...suite.env, SONDE_SUITE_SCALE: String(given.minutes / (suite.minutes ?? given.minutes)) },
  });
  if (error) console.error(`suite: ${command} could not be started: ${error.message}`);
  if (status !== 0) {
    console.error(`suite: ${suite.name} failed in ${[command, ...args].join(' ')} (${signal ?? status})`);
    process.exit(status || 1);
  }
}

/**
 * Prints the table and ends where no suite is named, and ends with a message where the command line
 * is wrong.
 */
function readCommandLine() {
  const [name, ...own] = process.argv.slice(2);
  if (name === undefined || [name, ...own].some((option) => option === '--help' || option === '-h')) {
    console.log(help());
    process.exit(0);
  }
  const suite = SUITES.find((each) => each.name === name);
  if (!suite) {
    fail(
      `there is no suite ${name}; the suites are ${SUITES.map((each) => each.name).join(', ')}: name one of them first`,
    );
  }
  if (suite.options !== undefined) return { suite, minutes: 10, grep: undefined, own };
  const { values, positionals } = parse(own);
  if (positionals.length > 0)
    fail(`${positionals.join(' ')} stands after ${name}; only one suite runs at a time: run each by its own command`);
  if (values.minutes !== undefined && suite.minutes === undefined) {
    fail(`--minutes is ${values.minutes}; the suite ${name} always takes the same time: leave --minutes out`);
  }
  const minutes = Number(values.minutes ?? suite.minutes ?? 10);
  if (!(minutes > 0 && minutes <= 1440)) {
    fail(`--minutes is ${values.minutes}; it is a number above 0 and at most 1440, a day: give one, such as 60`);
  }
  return { suite, minutes, grep: values.grep, own: [] };
}

function parse(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: { minutes: { type: 'string' }, grep: { type: 'string' } },
    });
  } catch (error) {
    return fail(`${error.message}; the options are --minutes N and --grep TEXT`);
  }
}

function fail(message) {
  console.error(`suite: ${message}`);
  process.exit(2);
}

function help() {
  const width = Math.max(...SUITES.map(({ name }) => name.length));
  return [
    'npm run suite -- NAME [OPTION …]',
    '',
    'For all but those that have options of their own:',
    '  --minutes N   does more, or less, than by default: as much as takes about so many minutes',
    '  --grep TEXT   only the tests with this text in their names',
    '',
    ...SUITES.flatMap(({ name, what, minutes, options }) => [
      `${name.padEnd(width)}  ${what}`,
      ...(minutes === undefined ? [] : [`${''.padEnd(width)}    --minutes: ${minutes} by default`]),
      ...(options === undefined ? [] : [`${''.padEnd(width)}    ${options}`]),
    ]),
  ].join('\n');
}
