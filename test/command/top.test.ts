// `sonde top`: what its tables show is what the program counts by itself.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { Commands, Counted } from '../fixtures/counting-program.js';
import { CalledProgram } from '../support/called-program.js';
import { sonde, startSonde } from '../support/command.js';
import { REGISTER } from '../support/runtime-program.js';
import { useScene } from '../support/scene.js';
import { needsRoot, needsTools } from '../support/tools.js';
import type { Tracer } from '../support/tracer.js';

const PROGRAM = fileURLToPath(new URL('../fixtures/counting-program.js', import.meta.url));
const SOURCE = fileURLToPath(new URL('../../fixtures/counting-program.ts', import.meta.url));

/** So that something comes in several intervals, and something after the last. */
const EVERY = '300ms';

/** `v8::GCType`, as `sonde top` calls them. */
const COLLECTIONS: Record<number, string> = {
  1: 'scavenge',
  2: 'minor mark-sweep',
  4: 'mark-sweep-compact',
  8: 'incremental marking',
  16: 'weak callbacks',
};

type Row = Record<string, string | number | undefined>;

/** Rows with the same names, of all intervals. */
interface Summed {
  [total: string]: number | number[];
  count: number;
  totalNs: number;
  errors: number;
  late: number;
  turns: number;
  p50Ns: number[];
  p99Ns: number[];
}

describe('sonde top', function () {
  this.timeout(60_000);
  const scene = useScene();
  before(function () {
    needsRoot(this);
  });

  for (const engine of ['tracefs', 'bpftrace', 'gdb']) {
    describe(`with ${engine}`, () => {
      before(function () {
        if (engine !== 'tracefs') needsTools(this, engine);
      });

      it('http: requests by method and route, how long they took, and errors', async () => {
        const program = await start();
        const port = await program.call('serve');
        const watched = await watch(program, 'http', () => ask(port, 'GET', '/knock'), /\/knock/);
        const asked = [
          ...Array.from({ length: 15 }, (_, index) => ['GET', `/users/${index}?from=${index}`]),
          ...Array.from({ length: 4 }, () => ['POST', '/users']),
          ...[500, 503, 404, 200].map((status) => ['GET', `/broken?status=${status}`]),
          ...Array.from({ length: 3 }, () => ['GET', '/slow?wait=40']),
        ] as [string, string][];
        for (const [method, path] of asked) await ask(port, method, path);
        const own = new Map<string, Counted & { errors: number }>();
        for (const [key, { count, milliseconds }] of await program.call('requests')) {
          const [method, path, status] = key.split(' ') as [string, string, string];
          const route = `${method} ${path.replace(/\/\d+$/, '/:id')}`;
          if (path === '/knock') continue;
          const one = own.get(route) ?? { count: 0, milliseconds: [], errors: 0 };
          own.set(route, one);
          one.count += count;
          one.milliseconds.push(...milliseconds);
          if (Number(status) >= 500) one.errors += count;
        }
        const { rows, texts } = await watched(['method', 'route']);
        assert.deepEqual(
          [...rows].map(([route, { count, errors }]) => [route, count, errors]).sort(),
          [...own].map(([route, { count, errors }]) => [route, count, errors]).sort(),
        );
        for (const [route, { milliseconds }] of own) isAsLong(rows.get(route)!, milliseconds);
        if (!texts) return;
        assert.deepEqual([...texts.keys()].sort(), [...own.keys()].sort());
        for (const [route, { errors }] of own) assert.equal(texts.get(route)!.errors, errors, route);
        for (const [route, { milliseconds }] of own) isAsLong(texts.get(route)!, milliseconds);
      });

      // The other tables are made of events alike.
      if (engine === 'bpftrace') return;

      it('gc: collections by kind, and how long they took', async () => {
        const program = await start();
        const watched = await watch(program, 'gc', () => program.call('collect', 'major', 1), /mark-sweep-compact/);
        const before = await program.call('collections');
        await program.call('collect', 'major', 3);
        await program.call('collect', 'minor', 5);
        const after = await program.call('collections');
        const { rows, texts } = await watched(['kind']);
        const own = [...after].map(([kind, { count, milliseconds }]): [string, number, number[]] => {
          const earlier = before.get(kind)?.count ?? 0;
          return [COLLECTIONS[kind]!, count - earlier, milliseconds.slice(earlier)];
        });
        const happened = own.filter(([, count]) => count > 0);
        assert.deepEqual(
          [...rows].map(([kind, { count }]) => [kind, count]).sort(),
          happened.map(([kind, count]) => [kind, count]).sort(),
        );
        for (const [kind, count, milliseconds] of happened) {
          for (const shown of [rows.get(kind)!, ...(texts ? [texts.get(kind)!] : [])]) {
            const ns = 1e6 * sum(milliseconds);
            assert.ok(Math.abs(shown.totalNs - ns) < 0.3 * ns + 5e5 * count, `${kind}: ${shown.totalNs}, ${ns}`);
            isAsLong(shown, milliseconds);
          }
        }
      });

      it('functions: calls by function, and how long they took', async () => {
        const program = await start();
        const knock = () => program.call('callFunctions', 'work', 1, 1);
        const watched = await watch(program, 'functions', knock, /Clerk\.work/);
        const before = await program.call('calls');
        await program.call('callFunctions', 'work', 12, 2);
        await program.call('callFunctions', 'wait', 3, 20);
        const after = await program.call('calls');
        const { rows, texts } = await watched(['function', 'line']);
        const lines = readFileSync(SOURCE, 'utf8').split('\n');
        const called: [name: string, text: string, count: number, atLeastMs: number][] = [
          ['Clerk.work', '  work(milliseconds', 12, 2],
          ['Clerk.wait', '  async wait(milliseconds', 3, 20],
        ];
        for (const [name, text, count, atLeastMs] of called) {
          const key = `${name} ${1 + lines.findIndex((line) => line.startsWith(text))}`;
          const milliseconds = after.get(name)!.milliseconds.slice(before.get(name)?.count ?? 0);
          assert.equal(milliseconds.length, count);
          assert.equal(rows.get(key)?.count, count, `${key}: ${JSON.stringify([...rows])}`);
          for (const { totalNs, p50Ns } of [rows.get(key)!, ...(texts ? [texts.get(key)!] : [])]) {
            // Text is rounded.
            assert.ok(totalNs >= 0.99e6 * count * atLeastMs, `${key}: ${totalNs}`);
            assert.ok(totalNs <= 1.01e6 * sum(milliseconds), `${key}: ${totalNs}, ${milliseconds}`);
            assert.ok(Math.min(...p50Ns) >= 1e6 * atLeastMs, `${key}: ${p50Ns}`);
          }
        }
      });

      it('loop: turns, how busy they were, and what came late, of each thread', async () => {
        const program = await start();
        await program.call('startWorker');
        await program.call('watchLoop');
        const began = { turns: 0, late: 0, utilization: 0 as unknown };
        const watched = await watch(
          program,
          'loop',
          () => program.call('blockLoop', 1, 40),
          /"late":[1-9]|\d %(?= +[1-9])/,
          async () => Object.assign(began, await program.call('loop')),
        );
        await program.call('blockLoop', 10, 40);
        // It goes on while the command ends.
        const { turns, late, utilization } = await program.call('loop', began.utilization as never);
        const { rows, texts, seconds } = await watched(['thread']);
        assert.equal(rows.size, 2);
        for (const [name, shown] of Object.entries({ json: rows, ...(texts && { text: texts }) })) {
          const main = shown.get(String(program.pid))!;
          const what = `${name}: ${JSON.stringify([main, turns - began.turns, late - began.late, utilization, seconds])}`;
          assert.ok(main.late >= 10 && Math.abs(main.late - (late - began.late)) <= 3, what);
          assert.ok(Math.abs(main.turns - (turns - began.turns)) <= 25 + 0.1 * turns, what);
          assert.ok(Math.max(...main.p99Ns) >= 30e6, what);
        }
        const { busySeconds } = rows.get(String(program.pid))!;
        const active = utilization.active / 1000;
        assert.ok(Math.abs((busySeconds as number) - active) < 0.1 + 0.15 * active, `${busySeconds}, ${active}`);
      });

      /**
       * Starts it, as JSON and where that can be as text, has something happen until both show that,
       * and waits until they show nothing of it any more. What it returns ends them, and tells what
       * they showed since.
       */
      async function watch(
        { pid }: CalledProgram<Commands>,
        topic: string,
        knock: () => Promise<unknown>,
        shown: RegExp,
        whenQuiet: () => Promise<unknown> = async () => {},
      ) {
        // A process takes one gdb.
        const forms = engine === 'tracefs' ? [['--json'], []] : [['--json']];
        const commands = forms.map((form) =>
          startSonde(scene.current, ['top', String(pid), topic, '--every', EVERY, '--engine', engine, ...form]),
        );
        await Promise.all(commands.map((command) => command.shows(/^sonde: tracing/m)));
        await Promise.all(commands.map((command) => command.hears(knock, shown)));
        const from = await Promise.all(commands.map((command) => quiet(command)));
        await whenQuiet();
        return async (names: string[]) => {
          const [output, text] = await Promise.all(
            commands.map(async (command, index) => (await command.stop()).slice(from[index])),
          );
          const intervals = output!
            .split('\n')
            .filter((line) => line.startsWith('{'))
            .map((line) => JSON.parse(line) as { seconds: number; rows: Row[] });
          const all = intervals.flatMap(({ seconds, rows }) =>
            rows.map((row): Row => ({ ...row, busySeconds: Number(row.busyShare ?? 0) * seconds })),
          );
          return {
            rows: summed(all, names),
            texts: text === undefined ? undefined : summed(rowsOf(text), names),
            seconds: sum(intervals.map(({ seconds }) => seconds)),
          };
        };
      }
    });
  }

  it('says where there is nothing to show', async () => {
    const program = await scene.current.program();
    const none = sonde('top', String(program.pid), 'gc');
    assert.equal(none.status, 3);
    assert.match(
      none.stderr,
      /^sonde: .* probes of @sonde\/node, and there are none; start the program by node --import/,
    );
    const wrong = sonde('top', 'memory');
    assert.equal(wrong.status, 2);
    assert.match(
      wrong.stderr,
      /^sonde: "memory" is nothing that is shown; give \[TARGET\] and one of http, functions, gc/,
    );
  });

  async function start(): Promise<CalledProgram<Commands>> {
    const program = new CalledProgram<Commands>(
      PROGRAM,
      { SONDE_DIR: scene.current.objects, SONDE_FUNCTIONS: 'dist/fixtures/counting-program.js' },
      { execArgv: ['--expose-gc', '--import', REGISTER] },
    );
    scene.current.defer(() => program.kill());
    await program.call('ready');
    return program;
  }
});

/** Waits for two more intervals, the second of which begins now; where its output is. */
async function quiet(command: Tracer): Promise<number> {
  const from = command.output.length;
  const nothing = /"rows":\[\]\}\n|nothing in .* s\n|"turns".*\n|TURNS/;
  await command.shows(nothing, from);
  return command.output.length;
}

async function ask(port: number, method: string, path: string): Promise<void> {
  const [response] = await once(request({ port, host: '127.0.0.1', method, path, agent: false }).end(), 'response');
  await once(response.resume(), 'close');
}

/** What the tables show. */
function rowsOf(text: string): Row[] {
  const rows: Row[] = [];
  let names: string[] = [];
  for (const line of text.split('\n')) {
    const cells = line.trim().split(/ {2,}/);
    if (cells[0] === 'PID') names = cells.map((name) => COLUMNS[name] ?? name.toLowerCase());
    else if (cells.length === names.length)
      rows.push(Object.fromEntries(cells.map((cell, index) => [names[index]!, cellValue(cell)])));
  }
  return rows;
}

const COLUMNS: Record<string, string> = { 'P50 <': 'p50Ns', 'P99 <': 'p99Ns', TIME: 'totalNs' };
const UNITS: Record<string, number> = { ns: 1, µs: 1e3, ms: 1e6, s: 1e9 };

function cellValue(cell: string): string | number | undefined {
  const [, number, unit] = /^([\d.]+)(ns|µs|ms|s|)$/.exec(cell) ?? [];
  if (cell === '-') return undefined;
  return number === undefined ? cell : Number(number) * (unit ? UNITS[unit]! : 1);
}

function summed(rows: readonly Row[], names: readonly string[]): Map<string, Summed> {
  const all = new Map<string, Summed>();
  for (const row of rows) {
    const key = names.map((name) => row[name]).join(' ');
    const one = all.get(key) ?? {
      count: 0,
      totalNs: 0,
      errors: 0,
      late: 0,
      turns: 0,
      busySeconds: 0,
      p50Ns: [],
      p99Ns: [],
    };
    all.set(key, one);
    for (const [name, total] of Object.entries(one)) {
      const value = row[name];
      if (typeof value !== 'number') continue;
      if (Array.isArray(total)) total.push(value);
      else one[name] = total + value;
    }
  }
  return all;
}

/** Whether the ends of buckets fit to what the program measured. */
function isAsLong({ p50Ns, p99Ns }: Summed, milliseconds: readonly number[]): void {
  const own = milliseconds.map((each) => each * 1e6).sort((a, b) => a - b);
  const what = `${p50Ns}; ${p99Ns}: ${own}`;
  assert.ok(Math.max(...p99Ns) >= 0.9 * own.at(-1)!, what);
  assert.ok(Math.min(...p50Ns) <= 3 * own[Math.floor(own.length / 2)]! + 1e6, what);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
