// What probes in functions cost while nobody traces, in processor time of a server's JavaScript for
// the same work. A process runs copies of one application: two without probes (what they differ by
// is noise), one with probes in its own functions, one with probes in those of its dependencies,
// too. They get bursts of the same load in turn, in an order that changes, so that each is compared
// with what its neighbour took some ten milliseconds ago in the same process. What V8 makes of a
// copy is decided anew in each process, so there are several, and the interval is one over
// processes.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { meanRatio, median } from '../statistics.js';
import { readCommandLine } from './command-line.js';
import { makeCopies } from './copies.js';
import { forget, LOADS, type Load, MEMORY } from './load.js';

const HOST = fileURLToPath(new URL('host.js', import.meta.url));
const SONDE = import.meta.resolve('@sonde/node');
const REGISTER = import.meta.resolve('@sonde/node/register');

/** However little time there is. */
const LEAST_PROCESSES = 3;

const command = readCommandLine();
const { servers, warm, counted } = command;
const folder = mkdtempSync(join(tmpdir(), 'sonde-bench-'));
try {
  if (command.start) for (const server of servers) await measureStart(server, LOADS[server]!);
  else await measureAll();
} finally {
  for (const each of [folder, MEMORY]) rmSync(each, { recursive: true, force: true });
}

async function measureAll(): Promise<void> {
  const runs = servers.flatMap((server) => command.returns.map((returns) => ({ server, returns })));
  const end = Date.now() + command.minutes * 60_000;
  console.log(
    `Node.js ${process.version}: processor time of JavaScript's thread more than without probes, mean of processes with a 95 % interval`,
  );
  console.log(
    '                      processes  functions  ms a burst      more                         one process, least and most',
  );
  for (const [index, { server, returns }] of runs.entries()) {
    await measure(server, returns, Date.now() + (end - Date.now()) / (runs.length - index));
  }
}

async function measure(server: string, returns: string, until: number): Promise<void> {
  const load = LOADS[server]!;
  const names = ['plain', 'again', ...load.instrumented];
  const place = join(folder, `${server}-${returns}`);
  await makeCopies(place, names, load.application, HOST);
  const env = {
    SONDE_FUNCTIONS: 'app/**,all/**,all/node_modules/**',
    SONDE_FUNCTIONS_RETURNS: returns,
    SONDE_DIR: join(place, 'objects'),
  };
  // The first fills the cache, and is not counted.
  await end((await start(place, load, names, env)).child);
  /**
   * Of each copy, for each process, the middle ratio to the two without probes; of the second of
   * these, to the first.
   */
  const ratios = new Map<string, number[]>(names.map((name) => [name, []]));
  const plain: number[] = [];
  let functions = 0;
  let longest = 0;
  while (plain.length < LEAST_PROCESSES || Date.now() + longest < until) {
    const began = Date.now();
    // Who comes first finds Node.js's own functions as new as itself.
    const host = await start(place, load, shuffled(names), env);
    ({ functions } = host);
    const times = new Map<string, number[]>(names.map((name) => [name, []]));
    for (let round = -warm; round < counted; round++) {
      for (const name of shuffled(names)) {
        const before = cpuOf(host.child.pid!);
        await load.burst(host.ports[name]!);
        if (round >= 0) times.get(name)!.push(cpuOf(host.child.pid!) - before);
      }
    }
    await end(host.child);
    const [one, other] = [times.get('plain')!, times.get('again')!];
    plain.push(median(one) / 1e6);
    for (const name of names) {
      const base = name === 'again' ? one : one.map((time, round) => (time + other[round]!) / 2);
      ratios.get(name)!.push(median(times.get(name)!.map((time, round) => time / base[round]!)));
    }
    longest = Math.max(longest, Date.now() - began);
  }
  const spread = `(a burst: ${Math.min(...plain).toFixed(1)} – ${Math.max(...plain).toFixed(1)} ms from process to process)`;
  for (const name of names.slice(1)) {
    const each = ratios.get(name)!;
    const { mean, low, high } = meanRatio(each);
    const what = { again: 'nothing, again', app: 'application', all: 'and dependencies' }[name];
    const isFirst = name === 'again';
    console.log(
      [
        (isFirst ? `${server}, ${returns}` : '').padEnd(15),
        what!.padEnd(17),
        String(plain.length).padStart(3),
        (isFirst ? String(functions) : '').padStart(8),
        median(plain).toFixed(1).padStart(9),
        percent(mean).padStart(9),
        `(${percent(low)} … ${percent(high)})`.padEnd(21),
        `${percent(Math.min(...each))} … ${percent(Math.max(...each))}`,
        isFirst ? spread : '',
      ].join(' '),
    );
  }
}

interface Host {
  child: ChildProcess;
  ports: Record<string, number>;
  functions: number;
}

async function start(place: string, load: Load, copies: string[], env?: Record<string, string>): Promise<Host> {
  const options = env ? ['--import', REGISTER] : [];
  const child = spawn(
    process.execPath,
    [...options, join(place, 'host.js'), env ? SONDE : '-', load.module, load.parameter, ...copies],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  for await (const line of createInterface(child.stdout!)) {
    const { ports, functions = 0, reason } = JSON.parse(line);
    if (reason !== undefined) throw new Error(reason);
    return { child, ports, functions };
  }
  throw new Error(`${load.module} did not start`);
}

async function end(child: ChildProcess): Promise<void> {
  forget();
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Cold: nothing of it was loaded before, and all is parsed. Warm: its sources are in the cache. */
async function measureStart(server: string, load: Load): Promise<void> {
  const place = join(folder, `${server}-start`);
  await makeCopies(place, ['app'], load.application, HOST);
  const objects = join(place, 'objects');
  const own = { SONDE_FUNCTIONS: 'app/**', SONDE_DIR: objects };
  const all = { SONDE_FUNCTIONS: 'app/**,app/node_modules/**', SONDE_DIR: objects };
  const starts: Record<string, (round: number) => Record<string, string> | undefined> = {
    'without @sonde/node': () => undefined,
    'no functions': () => ({ SONDE_FUNCTIONS: 'off', SONDE_DIR: objects }),
    application: () => own,
    'application, cold': (round) => ({ ...own, SONDE_DIR: join(place, `own-${round}`) }),
    'and dependencies': () => all,
    'and dependencies, cold': (round) => ({ ...all, SONDE_DIR: join(place, `all-${round}`) }),
  };
  const times = new Map<string, number[]>();
  for (let round = -1; round < command.rounds; round++) {
    for (const [name, env] of Object.entries(starts)) {
      const { child } = await start(place, load, ['app'], env(round));
      if (round >= 0) times.set(name, [...(times.get(name) ?? []), cpuOf(child.pid!, true) / 1e6]);
      await end(child);
    }
  }
  const plain = times.get('without @sonde/node')!;
  console.log(
    `${server}, Node.js ${process.version}: ms of processor time until it listens, medians of ${command.rounds}`,
  );
  for (const [name, list] of times) {
    const more = median(list.map((time, round) => time - plain[round]!));
    console.log(`${name.padEnd(24)} ${median(list).toFixed(0).padStart(5)}  +${more.toFixed(0)}`);
  }
}

/**
 * Nanoseconds of the thread that runs JavaScript, or of all: exact where the kernel counts them so.
 */
function cpuOf(pid: number, all = false): number {
  const tasks = all ? readdirSync(`/proc/${pid}/task`) : [pid];
  return tasks.reduce<number>(
    (sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
    0,
  );
}

function percent(ratio: number): string {
  return `${ratio < 1 ? '' : '+'}${((ratio - 1) * 100).toFixed(1)} %`;
}

function shuffled<Value>(list: readonly Value[]): Value[] {
  return list
    .map((value) => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
