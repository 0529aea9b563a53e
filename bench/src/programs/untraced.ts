// One shape of call, in a process of its own, beside a bare loop and an empty call: their rounds
// take turns.
//   node untraced.js SHAPE ROUNDS
//
// A loop makes a thousand turns and is called a thousand times, as code of programs is. In one loop
// of a million turns V8 (12 and later) keeps the counter as a tagged value when it replaces the
// running code, as soon as the loop compares any property of an object: 1.5 ns a turn that are no
// cost of the probe. The shapes `long` and `field` show it.
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { trace } from '@opentelemetry/api';
import { int32, operation, type Probe, provider, string } from '@sonde/core';
import { type ProviderDefinition, registerBackends } from '@sonde/core/internal';
import { loadProbeObject, thisMachine } from '@sonde/native';
import debug from 'debug';
import type { Shape, Timing } from '../shapes.js';

type Loop = (times: number) => number;

const TIMES = 1_000_000;
const TURNS = 1000;
const PEER = '10.0.0.7';

const shape = process.argv[2] as Shape;
const rounds = Number(process.argv[3]);

let direct: (...values: never[]) => void = () => {};
if (shape === 'event' || shape === 'native' || shape === 'usdt') withOwnBackend();
else await import('sonde');

const others = Array.from(
  { length: shape === 'fire-10000' ? 100 : shape === 'many' || shape === 'sites' ? 10 : 0 },
  (_, index) =>
    provider(
      `other${index}_`,
      Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`probe${at}`, [string('peer'), int32('port')]])),
    ),
).flatMap((made) => Object.values(made) as unknown as Probe<[peer: string, port: number]>[]);
const smtp = provider('smtp', {
  none: [],
  sessionStart: [string('peer'), int32('port')],
  delivery: operation({ start: [string('peer')] }),
});

/** Does nothing when called as below, and is too long for V8 to inline. */
const empty = new Function('peer', 'port', `if (port < 0) { ${'peer(port);'.repeat(200)} }`) as (
  peer: string,
  port: number,
) => void;

const dropIn = shape === 'dtraceProvider' || shape === 'usdtDropIn' ? await dropInProbe(shape) : undefined;

const { loop, bare = bareLoop, once = false, fresh } = makeLoops(shape);
const timing: Timing = { bare: [], call: [], shape: [], shapeBare: [] };
const measured: Record<keyof Timing, () => number> = {
  bare: () => measure(bareLoop, false),
  call: () => measure(callLoop, false),
  shape: () => measure(loop, once),
  shapeBare: () => measure(bare, once),
};
for (let i = 0; i < Math.min(5, rounds); i++) for (const run of Object.values(measured)) run();
for (let round = 0; round < rounds; round++) {
  for (const [name, run] of Object.entries(measured)) timing[name as keyof Timing].push(run());
}
console.log(JSON.stringify(timing));

/** Nanoseconds per turn. */
function measure(loop: Loop, once: boolean): number {
  if (fresh && (loop === fresh.loop || loop === fresh.bare)) return fresh.measure(loop);
  const start = process.hrtime.bigint();
  if (once) loop(TIMES);
  else for (let i = 0; i < TIMES; i += TURNS) loop(TURNS);
  return Number(process.hrtime.bigint() - start) / TIMES;
}

function bareLoop(times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) sum += i & 1;
  return sum;
}

function callLoop(times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    sum += i & 1;
    empty(PEER, i);
  }
  return sum;
}

interface Loops {
  loop: Loop;
  bare?: Loop;
  /** Whether one call makes all turns. */
  once?: boolean;
  fresh?: { loop: Loop; bare: Loop; measure(loop: Loop): number };
}

function makeLoops(shape: Shape): Loops {
  const { sessionStart: probe, delivery } = smtp;
  const peer = PEER;
  switch (shape) {
    case 'property':
      return turns(`sum += i & 1; it.sessionStart.fire(peer, i);`, `sum += i & 1;`, smtp);
    case 'inlined': {
      const deliver = (peer: string, port: number) => {
        probe.fire(peer, port);
        return port & 1;
      };
      return turns('sum += it(peer, i);', 'sum += i & 1;', deliver);
    }
    case 'enabled':
      return turns('sum += i & 1; if (it.enabled) sum += 2;', 'sum += i & 1;', probe);
    case 'fireWith':
      return handing('it.fireWith(() => [peer, port]);', probe);
    case 'loopWith':
      return turns('sum += i & 1; it.fireWith(() => [peer, i]);', 'sum += i & 1;', probe);
    case 'operation': {
      const work = () => 1;
      const run = (peer: string) => delivery.run([peer], work);
      return turns('sum += it.run(peer);', 'sum += it.work();', { run, work });
    }
    case 'sites': {
      // Ten of them in each turn of the loop, which counts for ten.
      const sites = Array.from({ length: 10 }, (_, index) => index);
      const turn = (fire: (index: number) => string) => sites.map((index) => `sum += i & 1; ${fire(index)}`).join(' ');
      const names = sites.map((index) => `p${index}`);
      return turns(
        `${turn((index) => `p${index}.fire(peer, i);`)} i += 9;`,
        `${turn(() => '')} i += 9;`,
        others,
        `const [${names}] = it;`,
      );
    }
    case 'many':
      // What belongs to the loop is finding one and comparing it.
      return turns(
        'sum += i & 1; it.others[i % 1000].fire(peer, i);',
        'sum += i & 1; if (it.others[i % 1000] === it.probe) sum += 2;',
        { others, probe },
      );
    case 'plain': {
      // The least that any loop over so many objects takes.
      const plain = Array.from({ length: 1000 }, () => ({ field: 1 }));
      return turns(
        'sum += i & 1; if (it.plain[i % 1000].field !== 1) sum += 2;',
        'sum += i & 1; if (it.plain[i % 1000] === it.probe) sum += 2;',
        { plain, probe },
      );
    }
    case 'cold':
      return cold(probe);
    case 'long':
      return {
        ...turns('sum += i & 1; it.fire(peer, i);', 'sum += i & 1;', probe),
        once: true,
      };
    case 'field':
      return {
        ...turns('sum += i & 1; if (it.field !== 1) sum += 2;', 'sum += i & 1;', { field: 1 }),
        once: true,
      };
    case 'dtraceProvider':
    case 'usdtDropIn':
      return handing('it.fire(() => [peer, port]);', dropIn);
    case 'publish':
      return turns('sum += i & 1; it.publish(peer);', 'sum += i & 1;', quiet());
    case 'subscribers':
      return turns('sum += i & 1; if (it.hasSubscribers) sum += 2;', 'sum += i & 1;', quiet());
    case 'stub':
      return handing('it.fire(() => [peer, port]);', { fire() {} });
    case 'debug':
      return turns('sum += i & 1; it("%s %d", peer, i);', 'sum += i & 1;', debug('sonde-bench'));
    case 'span':
      return turns('sum += i & 1; it.startSpan(peer).end();', 'sum += i & 1;', trace.getTracer('sonde-bench'));
    case 'native':
      return turns('sum += i & 1; it();', 'sum += i & 1;', direct);
    case 'usdt':
      // Is it enabled? asks a native method, with the closure that it would call.
      return handing('it(() => [peer, port]);', direct);
    default:
      return turns('sum += i & 1; it.fire(peer, i);', 'sum += i & 1;', probe);
  }

  /**
   * What makes a closure does so in a function, as in programs. V8 makes two loops of one whose
   * body has a closure, and keeps their counter as a tagged value, whatever becomes of the closure:
   * the shape `loopWith` shows it.
   */
  function handing(call: string, it: unknown): Loops {
    const one = new Function('it', `return (peer, port) => { ${call} return port & 1; };`)(it);
    return turns('sum += it(peer, i);', 'sum += i & 1;', one);
  }

  /** Loops of their own for each shape, so that V8 knows nothing of others. */
  function turns(body: string, bareBody: string, it: unknown, before = ''): Loops {
    const make = (body: string) =>
      new Function(
        'it',
        'peer',
        `${before} return (times) => { let sum = 0; for (let i = 0; i < times; i++) { ${body} } return sum; }`,
      )(it, peer) as Loop;
    return { loop: make(body), bare: make(bareBody) };
  }
}

/** Of a provider that is enabled, as the originals' users write it. */
async function dropInProbe(shape: 'dtraceProvider' | 'usdtDropIn'): Promise<unknown> {
  const made =
    shape === 'usdtDropIn'
      ? new (await import('@sonde/usdt')).default.USDTProvider('drop')
      : (await import('@sonde/dtrace-provider')).default.createDTraceProvider('drop');
  const probe = made.addProbe('probe', 'char *', 'int');
  made.enable();
  return probe;
}

/** A channel as in a program that had subscribers once. */
function quiet() {
  const quiet = channel('sonde-bench');
  const subscriber = () => {};
  subscribe('sonde-bench', subscriber);
  unsubscribe('sonde-bench', subscriber);
  return channel('sonde-bench') ?? quiet;
}

/**
 * Functions that are new each round: called once, so that they are compiled to bytecode, and then
 * measured.
 */
function cold(probe: unknown): Loops {
  let made = 0;
  const functions = (body: string) =>
    Array.from(
      { length: TURNS },
      () => new Function('probe', 'peer', 'i', `${body} return i & ${made++ & 7};`) as (...values: unknown[]) => number,
    );
  const run = (body: string) => () => {
    const all = functions(body);
    for (const one of all) one(probe, PEER, 0);
    const start = process.hrtime.bigint();
    for (let i = 0; i < TURNS; i++) all[i]!(probe, PEER, i);
    return Number(process.hrtime.bigint() - start) / TURNS;
  };
  const loop = run('probe.fire(peer, i);');
  const bare = run('');
  return { loop, bare, fresh: { loop, bare, measure: (loop) => loop(TURNS) } };
}

/**
 * Has probes look at a flag, too, as the ebpf backend does where the kernel has user events; and
 * takes hold of the native call. Registered as noop, which may be any backend.
 */
function withOwnBackend(): void {
  registerBackends({
    table: {
      noop: () => ({
        load: (definition: ProviderDefinition) => {
          const events = definition.probes.map(() => ({
            name: '',
            flag: new Uint8Array(1),
            written: undefined as never,
          }));
          const loaded = loadProbeObject(definition, thisMachine(), {
            notes: false,
            extension: 'so',
            tracer: () => '',
            ...(shape === 'event' && { events: { probes: events, close() {} } }),
          });
          direct = loaded.probes[0]!.fire;
          return loaded;
        },
      }),
    },
    buildDefault: () => 'noop',
  });
}
