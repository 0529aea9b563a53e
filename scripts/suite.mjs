// Runs one of the suites that `npm test` leaves out. The table below has all of them.
//
//   npm run suite                                       # prints the table
//   npm run suite -- NAME [--minutes N] [--grep TEXT]
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * A suite: its name, what it does in one line, and its steps, which run one after the other until one fails.
 *
 * @typedef {object} Suite
 * @property {string} name
 * @property {string} what
 * @property {number} [minutes] how long it takes by default, where `--minutes` changes that; without it, the suite takes no `--minutes`
 * @property {Step[]} steps
 *
 * A step makes a command and its arguments of the options on the command line.
 *
 * @typedef {(options: { minutes: number, grep: string | undefined }) => string[]} Step
 */

/** @type {Step} */
const setup = () => ['node', 'scripts/setup.mjs'];

/**
 * Files of tests. A test gets as much time as the whole suite is to take, and never less than two minutes: what hangs is
 * reported by its name.
 *
 * @returns {Step}
 */
const mocha = (spec) => (options) => [
  'node',
  'node_modules/mocha/bin/mocha.js',
  '--no-config',
  '--enable-source-maps',
  `--timeout=${Math.max(120_000, options.minutes * 60_000)}`,
  ...(options.grep === undefined ? [] : [`--grep=${options.grep}`]),
  spec,
];

/** @type {Suite[]} */
const SUITES = [
  {
    name: 'hard',
    what: 'hard conditions, each with its goal: millions of fires, races, kills, attackers, full disks, sanitizers',
    minutes: 5,
    steps: [setup, mocha('test/dist/hard/*.test.js')],
  },
];

const { suite, minutes, grep } = readCommandLine();
const root = dirname(dirname(fileURLToPath(import.meta.url)));
for (const step of suite.steps) {
  const [command, ...args] = step({ minutes, grep });
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    // How much a test does is in proportion: test/src/hard/scale.ts.
    env: { ...process.env, SONDE_SUITE_SCALE: String(minutes / (suite.minutes ?? minutes)) },
  });
  if (error) console.error(`suite: ${command} could not be started: ${error.message}`);
  if (status !== 0) {
    console.error(`suite: ${suite.name} failed in ${[command, ...args].join(' ')} (${signal ?? status})`);
    process.exit(status || 1);
  }
}

/** Prints the table and ends where no suite is named, and ends with a message where the command line is wrong. */
function readCommandLine() {
  const { values, positionals } = parse();
  const [name, ...more] = positionals;
  if (values.help || name === undefined) {
    console.log(help());
    process.exit(0);
  }
  if (more.length > 0)
    fail(`${more.join(' ')} stands after ${name}; only one suite runs at a time: run each by its own command`);
  const suite = SUITES.find((each) => each.name === name);
  if (!suite) {
    fail(`there is no suite ${name}; the suites are ${SUITES.map((each) => each.name).join(', ')}: name one of them`);
  }
  if (values.minutes !== undefined && suite.minutes === undefined) {
    fail(`--minutes is ${values.minutes}; the suite ${name} always takes the same time: leave --minutes out`);
  }
  const minutes = Number(values.minutes ?? suite.minutes ?? 10);
  if (!(minutes > 0 && minutes <= 1440)) {
    fail(`--minutes is ${values.minutes}; it is a number above 0 and at most 1440, a day: give one, such as 60`);
  }
  return { suite, minutes, grep: values.grep };
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { minutes: { type: 'string' }, grep: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
  } catch (error) {
    return fail(`${error.message}; the options are --minutes N, --grep TEXT and --help`);
  }
}

function fail(message) {
  console.error(`suite: ${message}`);
  process.exit(2);
}

function help() {
  const rows = SUITES.map(({ name, minutes, what, steps }) => {
    const commands = steps.map((step) => step({ minutes: minutes ?? 10, grep: undefined }).join(' '));
    return [name, minutes === undefined ? '' : String(minutes), what, commands];
  });
  const [nameWidth, minutesWidth] = [Math.max(5, ...rows.map(([name]) => name.length)), 7];
  const line = (name, minutes, text) => `${name.padEnd(nameWidth)}  ${minutes.padStart(minutesWidth)}  ${text}`;
  return [
    'npm run suite -- NAME [--minutes N] [--grep TEXT]',
    '',
    '  --minutes N   does more, or less, than by default: as much as takes about so many minutes',
    '  --grep TEXT   only the tests with this text in their names',
    '',
    line('suite', 'minutes', 'what it does'),
    ...rows.flatMap(([name, minutes, what, commands]) => [
      line(name, minutes, what),
      ...commands.map((command) => line('', '', `  ${command}`)),
    ]),
  ].join('\n');
}
