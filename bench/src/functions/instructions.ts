// What probes in functions cost while nobody traces, in instructions of a server for the same work: valgrind counts them, and no neighbour on the machine
// changes how many there are. Each copy of an application has a process of its own, twice: once it gets a few bursts of work, once many, and
// what lies between is counted, so that neither starting nor compiling is. V8 compiles in the thread that runs JavaScript, so that it does the same each
// time; what is left of chance is which messages the system hands over together. valgrind needs some fifty times as long as the processor.
//
//   node bench/dist/functions/instructions.js [--servers=fastify,mail] [--returns=fast] [--bursts=4,12]
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeCopies } from './copies.js';
import { LOADS, type Load, MEMORY } from './load.js';

const HOST = fileURLToPath(new URL('host.js', import.meta.url));
const SONDE = import.meta.resolve('@sonde/node');
const REGISTER = import.meta.resolve('@sonde/node/register');
const VALGRIND = [
  '--tool=cachegrind',
  '--cache-sim=no',
  '--cachegrind-out-file=/dev/null',
  // V8 changes its code.
  '--smc-check=all-non-file',
];
const SAME_EACH_TIME = ['--single-threaded', '--predictable-gc-schedule', '--hash-seed=1', '--random-seed=1'];

const { values } = parseArgs({
  options: {
    servers: { type: 'string', default: 'fastify,mail' },
    returns: { type: 'string', default: 'fast' },
    bursts: { type: 'string', default: '4,12' },
  },
});
const [few, many] = values.bursts.split(',').map(Number) as [number, number];
const folder = mkdtempSync(join(tmpdir(), 'sonde-bench-'));
try {
  console.log(
    `Node.js ${process.version}, ${values.returns}: instructions of a burst, and how many more than without probes`,
  );
  for (const server of values.servers.split(',')) await measure(server, LOADS[server]!);
} finally {
  for (const each of [folder, MEMORY]) rmSync(each, { recursive: true, force: true });
}

async function measure(server: string, load: Load): Promise<void> {
  const names = ['plain', 'again', ...load.instrumented];
  const place = join(folder, server);
  await makeCopies(place, names, load.application, HOST);
  const env = {
    SONDE_FUNCTIONS: 'app/**,all/**,all/node_modules/**',
    SONDE_FUNCTIONS_RETURNS: values.returns,
    SONDE_DIR: join(place, 'objects'),
  };
  let plain: number | undefined;
  for (const name of names) {
    // What is cached of sources is there after the first.
    const { child } = await start([], place, load, name, env);
    child.kill('SIGKILL');
    const [less, more] = await Promise.all([few, many].map((bursts) => count(place, load, name, env, bursts)));
    const each = (more! - less!) / (many - few);
    plain ??= each;
    const difference = (each / plain - 1) * 100;
    const sign = difference < 0 ? '' : '+';
    console.log(
      `${server.padEnd(10)} ${name.padEnd(6)} ${(each / 1e6).toFixed(2).padStart(9)} million  ${sign}${difference.toFixed(2)} %`,
    );
  }
}

/** Instructions of a process that gets so many bursts. */
async function count(
  place: string,
  load: Load,
  name: string,
  env: Record<string, string>,
  bursts: number,
): Promise<number> {
  const { child, port } = await start(['valgrind', ...VALGRIND], place, load, name, env);
  let told = '';
  child.stderr!.on('data', (text) => {
    told += text;
  });
  const ended = once(child, 'close');
  for (let burst = 0; burst < bursts; burst++) await load.burst(port);
  child.kill('SIGTERM');
  await ended;
  const counted = /I +refs: +([\d,]+)/.exec(told)?.[1];
  if (counted === undefined) throw new Error(`valgrind told no count: ${told}`);
  return Number(counted.replaceAll(',', ''));
}

async function start(
  under: string[],
  place: string,
  load: Load,
  name: string,
  env: Record<string, string>,
): Promise<{ child: ChildProcess; port: number }> {
  const [command, ...parameters] = [
    ...under,
    process.execPath,
    ...SAME_EACH_TIME,
    ...['--import', REGISTER, join(place, 'host.js'), SONDE, load.module, load.parameter, name],
  ] as [string, ...string[]];
  const child = spawn(command, parameters, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  for await (const line of createInterface(child.stdout!)) return { child, port: JSON.parse(line).ports[name] };
  throw new Error(`${load.module} did not start`);
}
