// One shape of call, in a process of its own, beside a bare loop and an empty call: their rounds take turns.
//   node untraced.js SHAPE ROUNDS
import { channel } from 'node:diagnostics_channel';
import { int32, type Probe, provider, registerBackends, string } from '@sonde/core';
import { loadProbeObject, thisMachine } from '@sonde/native';

export type Shape = 'fire' | 'fire-10000' | 'property' | 'enabled' | 'fireWith' | 'many' | 'event' | 'noop' | 'channel';

/** Nanoseconds per turn, for each round. */
export interface Timing {
  bare: number[];
  call: number[];
  shape: number[];
  /** The bare loop that belongs to the shape: it reads the array, too, where there is one. */
  shapeBare: number[];
}

const TIMES = 1_000_000;
const PEER = '10.0.0.7';

const shape = process.argv[2] as Shape;
const rounds = Number(process.argv[3]);

if (shape === 'event') watchFlags();
else await import('sonde');

const others = Array.from({ length: shape === 'fire-10000' ? 100 : shape === 'many' ? 10 : 0 }, (_, index) =>
  provider(
    `other${index}_`,
    Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`probe${at}`, [string('peer'), int32('port')]])),
  ),
).flatMap((made) => Object.values(made) as unknown as Probe<[peer: string, port: number]>[]);
const smtp = provider('smtp', { sessionStart: [string('peer'), int32('port')] });
const probe = smtp.sessionStart;
const quiet = channel('sonde-bench');

/** Does nothing when called as below, and is too long for V8 to inline. */
const empty = new Function('peer', 'port', `if (port < 0) { ${'peer(port);'.repeat(200)} }`) as (
  peer: string,
  port: number,
) => void;

const loops: Record<Shape, (times: number) => number> = {
  fire: fireLoop,
  'fire-10000': fireLoop,
  event: fireLoop,
  noop: fireLoop,
  property: propertyLoop,
  enabled: enabledLoop,
  fireWith: fireWithLoop,
  many: manyLoop,
  channel: channelLoop,
};

const timing: Timing = { bare: [], call: [], shape: [], shapeBare: [] };
const measured = Object.entries({
  bare: bareLoop,
  call: callLoop,
  shape: loops[shape],
  shapeBare: shape === 'many' ? bareManyLoop : bareLoop,
}) as [keyof Timing, (times: number) => number][];
for (const [, loop] of measured) for (let i = 0; i < 5; i++) loop(TIMES);
for (let round = 0; round < rounds; round++) {
  for (const [name, loop] of measured) timing[name].push(nanosecondsPerTurn(loop));
}
console.log(JSON.stringify(timing));

function nanosecondsPerTurn(loop: (times: number) => number): number {
  const start = process.hrtime.bigint();
  loop(TIMES);
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

function fireLoop(times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    sum += i & 1;
    probe.fire(PEER, i);
  }
  return sum;
}

function propertyLoop(times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    sum += i & 1;
    smtp.sessionStart.fire(PEER, i);
  }
  return sum;
}

function enabledLoop(times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    sum += i & 1;
    if (probe.enabled) sum += 2;
  }
  return sum;
}

function fireWithLoop(times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    sum += i & 1;
    probe.fireWith(() => [PEER, i]);
  }
  return sum;
}

function manyLoop(times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    sum += i & 1;
    others[i % 1000]!.fire(PEER, i);
  }
  return sum;
}

function bareManyLoop(times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    sum += i & 1;
    if (others[i % 1000] === probe) sum += 2;
  }
  return sum;
}

function channelLoop(times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    sum += i & 1;
    quiet.publish(PEER);
  }
  return sum;
}

/** Has probes look at a flag, too, as the ebpf backend does where the kernel has user events. Registered as noop, which may be any backend. */
function watchFlags(): void {
  registerBackends({
    table: {
      noop: () => ({
        load: (definition) => {
          const events = definition.probes.map(() => ({
            name: '',
            flag: new Uint8Array(1),
            written: undefined as never,
          }));
          return loadProbeObject(definition, { ...thisMachine(), notes: false }, () => '', events);
        },
      }),
    },
    buildDefault: () => 'noop',
  });
}
