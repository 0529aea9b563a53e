// What every backend must do, whatever makes its probes visible. A backend says what it can in its
// manifest; where its probes can be traced inside the process, what a tracer would see is compared
// with what was passed, bit for bit.
import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import {
  boolean,
  bytes,
  int8,
  int16,
  int32,
  int64,
  json,
  operation,
  provider,
  stack,
  status,
  string,
  uint8,
  uint16,
  uint32,
  uint64,
} from 'sonde';
import type { Backend, LoadedProvider, ProviderDefinition } from 'sonde/internal';
import { record } from 'sonde/testing';
import type { Attachment } from './selftrace.js';

export interface Manifest {
  /** As SONDE_BACKEND names it. The suite runs in a process with that backend. */
  name: string;
  /** Makes the backend itself. */
  make(): Backend;
  /**
   * The most bytes of texts that one fire can carry, where that is less than any definition's
   * limit.
   */
  room?: number;
  /** Attaches to a probe from inside the process; absent where nothing can be attached to. */
  attach?(loaded: { location?: string; tracer: string }, definition: ProviderDefinition, probe: number): Attachment;
}

/** Of five workers at once. Fewer in a virtual machine, where starting one takes half a second. */
const ROUNDS = Number(process.env.SONDE_TEST_ROUNDS ?? 10);

const MOST = { int8: 2n ** 7n, int16: 2n ** 15n, int32: 2n ** 31n, int64: 2n ** 63n };
const SIGNED = { int8, int16, int32, int64 };
const UNSIGNED = { uint8, uint16, uint32, uint64 };

export function conformance({ name, make, room = Number.POSITIVE_INFINITY, attach }: Manifest): void {
  describe(`the ${name} backend`, () => {
    describe('as the core loads it', () => {
      const definition: ProviderDefinition = {
        name: 'contract',
        probes: ['first', 'second', 'third'].map((probe) => ({
          name: probe,
          arguments: [string('text'), int32('number')],
          native: [
            { name: 'text', type: 'string' },
            { name: 'number', type: 'int32' },
          ],
        })),
      };
      let loaded: LoadedProvider;
      before(() => {
        loaded = make().load(definition);
      });
      after(() => loaded.unload());

      it('gives a probe for each in the definition, inactive, inside its code', () => {
        assert.equal(loaded.probes.length, 3);
        for (const { offset, untraced } of loaded.probes) {
          assert.ok(offset >= 0 && offset < loaded.code.length);
          assert.equal(loaded.code[offset], untraced);
        }
      });

      it('fires without a tracer, with values and without, and returns nothing', () => {
        for (const { fire } of loaded.probes) {
          assert.equal(fire('text', 1), undefined);
          assert.equal(fire(), undefined);
        }
      });

      it('tells the same definition by the same place', () => {
        const again = make().load(definition);
        assert.equal(again.location, loaded.location);
        again.unload();
      });

      it('unloads, more than once, and its code stays readable', () => {
        const own = make().load(definition);
        own.unload();
        own.unload();
        assert.equal(own.code[own.probes[0]!.offset], own.probes[0]!.untraced);
      });
    });

    describe('under a provider', () => {
      it('is the backend that status names', () => {
        assert.equal(status().backend, name);
        assert.equal(status().requested, name);
        assert.equal(status().reason, undefined);
      });

      it('leaves probes disabled that nobody traces, and after unload', () => {
        const quiet = provider('quiet', { probe: [string('text')] });
        assert.equal(quiet.probe.enabled, false);
        quiet.probe.fire('nobody');
        quiet.unload();
        quiet.unload();
        assert.equal(quiet.probe.enabled, false);
        quiet.probe.fire('nobody');
      });

      it(`is inactive in ${5 * ROUNDS} worker threads that come and go`, async function () {
        this.timeout(120_000);
        const main = provider('threads', { probe: [int32('number')] });
        const worker = new URL('worker.js', import.meta.url);
        for (let round = 0; round < ROUNDS; round++) {
          const workers = Array.from({ length: 5 }, () => new Worker(worker));
          const codes = workers.map((each) => new Promise<number>((resolve) => each.once('exit', resolve)));
          assert.deepEqual(await Promise.all(codes), [0, 0, 0, 0, 0]);
        }
        main.probe.fire(1);
        main.unload();
      });
    });

    if (!attach) return;

    describe('traced', () => {
      /** Defines a provider, attaches to its probes and hands over both. */
      function traced<P extends { unload(): void }>(made: P, definitionName: string) {
        const { location, probes } = status().providers.findLast((each) => each.name === definitionName)!;
        return { made, location: location!, probes };
      }

      let providers = 0;
      /** What a tracer sees of one fire with these values. */
      function seen(args: Parameters<typeof provider>[1][string], values: unknown[]): (bigint | Buffer | null)[][] {
        // Another name each time: the kernel forgets a user event a moment after it was withdrawn,
        // and has its fields till then.
        const name = `seen_${++providers}_`;
        const own = provider(name, { probe: args });
        const definition = definitionOf(name, args);
        const { location, probes } = traced(own, name);
        const attachment = attach!({ location, tracer: probes[0]!.tracer }, definition, 0);
        try {
          const probe = own.probe as { enabled: boolean; fire(...values: unknown[]): void };
          assert.equal(probe.enabled, true, 'enabled once attached');
          probe.fire(...values);
          return attachment.take();
        } finally {
          attachment.detach();
          assert.equal((own.probe as { enabled: boolean }).enabled, false, 'inactive once detached');
          own.unload();
        }
      }
      const one = (args: Parameters<typeof provider>[1][string], ...values: unknown[]) => {
        const fires = seen(args, values);
        assert.equal(fires.length, 1);
        return fires[0]!;
      };
      const text = (value: bigint | Buffer | null | undefined) => (value as Buffer).toString();

      for (const [type, make] of Object.entries(SIGNED)) {
        it(`passes ${type} at its extremes, from numbers and bigints`, () => {
          const most = MOST[type as keyof typeof MOST];
          for (const value of [-most, most - 1n, -1n, 0n, 1n]) {
            assert.equal(BigInt.asIntN(64, one([make('v')], value)[0] as bigint), value);
            if (Number.isSafeInteger(Number(value))) {
              assert.equal(BigInt.asIntN(64, one([make('v')], Number(value))[0] as bigint), value);
            }
          }
          assert.equal(one([make('v')], most)[0], 0n);
          assert.equal(one([make('v')], -most - 1n)[0], 0n);
        });
      }

      for (const [type, make] of Object.entries(UNSIGNED)) {
        it(`passes ${type} at its extremes, from numbers and bigints`, () => {
          const most = 2n * MOST[type.slice(1) as keyof typeof MOST] - 1n;
          for (const value of [0n, 1n, most]) {
            assert.equal(one([make('v')], value)[0], value);
            if (Number.isSafeInteger(Number(value))) assert.equal(one([make('v')], Number(value))[0], value);
          }
          assert.equal(one([make('v')], -1)[0], 0n);
          assert.equal(one([make('v')], most + 1n)[0], 0n);
        });
      }

      it('passes 64-bit integers exactly beyond 2^53, and numbers without their fraction', () => {
        assert.equal(one([uint64('v')], 2n ** 53n + 1n)[0], 2n ** 53n + 1n);
        assert.equal(one([uint64('v')], 2 ** 63)[0], 2n ** 63n);
        assert.equal(BigInt.asIntN(64, one([int64('v')], -(2 ** 63))[0] as bigint), -(2n ** 63n));
        assert.equal(one([int32('v')], 41.9)[0], 41n);
        assert.equal(BigInt.asIntN(64, one([int32('v')], -41.9)[0] as bigint), -41n);
        assert.equal(one([uint8('v')], -0.5)[0], 0n);
      });

      it('passes booleans as 1 and 0', () => {
        assert.deepEqual(one([boolean('a'), boolean('b')], true, false), [1n, 0n]);
      });

      it('passes texts as UTF-8: empty, long, with NULs and half surrogates', () => {
        assert.equal(text(one([string('v')], '')[0]), '');
        assert.equal(text(one([string('v')], 'å∫ç😀')[0]), 'å∫ç😀');
        assert.equal(text(one([string('v')], 'a\0b\0')[0]), 'a␀b␀');
        assert.equal(text(one([string('v')], '\ud83d!')[0]), '\ufffd!');
        const most = (limit: number, size: number) => Math.floor(Math.min(limit, room) / size);
        assert.equal(text(one([string('v')], 'x'.repeat(5000))[0]), 'x'.repeat(most(4095, 1)));
        assert.equal(text(one([string('v')], '😀'.repeat(2000))[0]), '😀'.repeat(most(4095, 4)));
        assert.equal(text(one([string('v', { limit: 7 })], '😀😀')[0]), '😀');
        assert.equal(
          text(one([string('v', { limit: 2 ** 20 })], 'x'.repeat(2 ** 21))[0]),
          'x'.repeat(most(2 ** 20, 1)),
        );
      });

      it('cuts texts exactly as the recorder says', () => {
        const unit = fc.constantFrom('a', '\0', 'é', '€', '😀', '\ud800', '\udc00');
        const texts = fc.array(unit, { maxLength: 24 }).map((units) => units.join(''));
        fc.assert(
          fc.property(texts, fc.integer({ min: 1, max: 24 }), (value, limit) => {
            const args = [string('v', { limit })];
            assert.equal(text(one(args, value)[0]), recorded(args, value).v);
          }),
          { numRuns: 300, seed: 1 },
        );
      });

      it('passes texts as they are now, whatever was fired before, here or by another probe', () => {
        const shapes = {
          wide: [string('v'), int32('number')],
          narrow: [string('v', { limit: 4 }), int32('number')],
          alone: [string('v')],
          three: [string('v'), string('w', { limit: 5 }), int32('number')],
          four: [string('v', { limit: 90 }), int32('number'), string('w'), bytes('x')],
          many: [string('v'), int32('a'), int32('b'), int32('c'), string('w')],
          second: [int32('number'), string('w')],
          operation: [uint64('id'), string('w', { limit: 90 }), string('v'), int32('number')],
          third: [int32('number'), int32('a'), string('v')],
          made: [json('v'), int32('number')],
          number: [int32('number')],
        };
        const texts = ['', 'GET', 'a\0b', '😀😀', 'x'.repeat(85), 'z'.repeat(300)];
        // Before anything is attached to: a recorder comes in between, and a backend may give
        // probes another place when it leaves.
        const limits = new Set(Object.values(shapes).flatMap((args) => args.map(({ limit }) => limit ?? 0)));
        const cut = new Map(
          [...limits].map((limit) => [
            limit,
            new Map(texts.map((value) => [value, limit > 0 ? recorded([string('v', { limit })], value).v : ''])),
          ]),
        );
        const own = provider('again', shapes);
        const { location, probes } = traced(own, 'again');
        const definition = {
          name: 'again',
          probes: Object.entries(shapes).map(([key, args]) => operationProbe(key, args)),
        };
        const keys = Object.keys(shapes) as (keyof typeof shapes)[];
        const attachments = keys.map((_, index) =>
          attach!({ location, tracer: probes[index]!.tracer }, definition, index),
        );
        /** Another string of the same content, half of the time. */
        const copies = texts.map((value) => [value, value.split('').join('')] as const);
        const fires = fc.array(
          fc.tuple(fc.constantFrom(...keys), fc.nat(texts.length - 1), fc.nat(texts.length - 1), fc.nat(1)),
          { maxLength: 24 },
        );
        try {
          fc.assert(
            fc.property(fires, (sequence) => {
              const wanted = keys.map((): string[][] => []);
              for (const [key, first, second, copy] of sequence) {
                const [v, w] = [copies[first]![copy]!, copies[second]![copy]!];
                const given: Record<string, unknown> = {
                  v,
                  w,
                  x: Buffer.from('x'),
                  id: 7n,
                  number: 1,
                  a: 1,
                  b: 2,
                  c: 3,
                };
                const args = shapes[key];
                (own[key].fire as (...values: unknown[]) => void)(...args.map(({ name }) => given[name]));
                wanted[keys.indexOf(key)]!.push(
                  args.flatMap(({ name, type, limit }) => {
                    if (type === 'json') return [JSON.stringify(given[name])];
                    return type === 'string' ? [cut.get(limit!)!.get(given[name] as string) as string] : [];
                  }),
                );
              }
              keys.forEach((key, index) => {
                const isText = definition.probes[index]!.native.map(({ type }) => type === 'string');
                const got = attachments[index]!.take().map((values) => values.filter((_, at) => isText[at]).map(text));
                assert.deepEqual(got, wanted[index], key);
              });
            }),
            { numRuns: 1000, seed: 1 },
          );
        } finally {
          for (const attachment of attachments) attachment.detach();
          own.unload();
        }
      });

      it('passes the memory of bytes itself, and its length', () => {
        assert.deepEqual(one([bytes('v')], Uint8Array.of(1, 0, 255)), [Buffer.of(1, 0, 255), 3n]);
        assert.deepEqual(one([bytes('v')], Buffer.from('abc').subarray(1)), [Buffer.from('bc'), 2n]);
        assert.deepEqual(one([bytes('v')], new Uint8Array(new SharedArrayBuffer(2))), [Buffer.of(0, 0), 2n]);
        assert.equal(one([bytes('v')], new Uint8Array(0))[1], 0n);
        const detached = new Uint8Array(8);
        structuredClone(detached.buffer, { transfer: [detached.buffer] });
        assert.equal(one([bytes('v')], detached)[1], 0n);
      });

      it('passes json and the stack as texts', () => {
        const [value, where] = one([json('v'), stack('where')], { a: [1, 'ü'] });
        assert.equal(text(value), '{"a":[1,"ü"]}');
        assert.match(text(where), /^seen \(.*suite\.[jt]s:\d+:\d+\)\n/);
      });

      it('passes twelve arguments of mixed types, in registers and on the stack', () => {
        const args = [
          int8('a'),
          string('b'),
          uint64('c'),
          boolean('d'),
          json('e'),
          int16('f'),
          bytes('g'),
          string('h'),
          int64('i'),
          uint8('j'),
          uint32('k'),
        ];
        const values = [-1, 'two', 2n ** 64n - 1n, true, null, -300, Buffer.from('body'), 'eight', -9, 10, 11];
        const [a, b, c, d, e, f, g, length, h, i, j, k] = one(args, ...values);
        assert.deepEqual(
          [a, c, d, f].map((v) => BigInt.asIntN(64, v as bigint)),
          [-1n, -1n, 1n, -300n],
        );
        assert.deepEqual([b, e, g, h].map(text), ['two', 'null', 'body', 'eight']);
        assert.deepEqual([length, BigInt.asIntN(64, i as bigint), j, k], [4n, -9n, 10n, 11n]);
      });

      it('fires something for whatever does not fit, and counts it', () => {
        const hostile = hostileValues();
        const own = provider('hostile', { probe: [int32('i'), boolean('b'), string('s'), json('j'), bytes('y')] });
        const { location, probes } = traced(own, 'hostile');
        const definition = definitionOf('hostile', [int32('i'), boolean('b'), string('s'), json('j'), bytes('y')]);
        const attachment = attach!({ location, tracer: probes[0]!.tracer }, definition, 0);
        try {
          for (const value of hostile) {
            const fire = own.probe.fire as (...values: unknown[]) => void;
            fire.call(own.probe, value, value, value, value, value);
          }
          const fires = attachment.take();
          assert.equal(fires.length, hostile.length);
          for (const [i, b, s, , , length] of fires) {
            assert.deepEqual([i, b, length], [0n, 0n, 0n]);
            assert.match(text(s), /^<not a string: /);
          }
          const { errors } = status().providers.find((each) => each.name === 'hostile')!.probes[0]!;
          assert.ok(errors >= 4 * hostile.length, `${errors} errors`);
        } finally {
          attachment.detach();
          own.unload();
        }
      });

      it('follows an operation by its id', async () => {
        const own = provider('work', { job: operation({ start: [string('what')], done: [int32('size')] }) });
        const definition: ProviderDefinition = {
          name: 'work',
          probes: [
            operationProbe('job__start', [uint64('id'), string('what')]),
            operationProbe('job__done', [uint64('id'), uint64('ns'), int32('size')]),
            operationProbe('job__error', [uint64('id'), uint64('ns'), string('message')]),
          ],
        };
        const { location, probes } = traced(own, 'work');
        const [start, done, error] = probes.map((probe, index) =>
          attach!({ location, tracer: probe.tracer }, definition, index),
        ) as [Attachment, Attachment, Attachment];
        try {
          assert.equal(
            await own.job.run(
              ['good'],
              async () => 42,
              (size) => [size],
            ),
            42,
          );
          await assert.rejects(
            own.job.run(['bad'], async () => {
              throw new Error('no luck');
            }),
            /no luck/,
          );
          const started = start.take();
          assert.deepEqual(
            started.map(([, what]) => text(what)),
            ['good', 'bad'],
          );
          const [[id, ns, size]] = done.take() as [bigint[]];
          assert.equal(id, started[0]![0]);
          assert.ok(ns! > 0n);
          assert.equal(size, 42n);
          const [[badId, , message]] = error.take() as [(bigint | Buffer)[]];
          assert.equal(badId, started[1]![0]);
          assert.equal(text(message), 'no luck');
        } finally {
          for (const attachment of [start, done, error]) attachment.detach();
          own.unload();
        }
      });

      it('serves two providers of the same definition', () => {
        const first = provider('twice', { probe: [int32('v')] });
        const second = provider('twice', { probe: [int32('v')] });
        const { location, probes } = traced(first, 'twice');
        const attachment = attach!({ location, tracer: probes[0]!.tracer }, definitionOf('twice', [int32('v')]), 0);
        try {
          assert.deepEqual([first.probe.enabled, second.probe.enabled], [true, true]);
          first.probe.fire(1);
          second.probe.fire(2);
          first.unload();
          second.probe.fire(3);
          assert.deepEqual(attachment.take(), [[1n], [2n], [3n]]);
        } finally {
          attachment.detach();
          second.unload();
        }
      });
    });
  });
}

/** What the recorder keeps of one fire. */
function recorded(args: ReturnType<typeof string>[], value: string): Record<string, unknown> {
  using recorder = record();
  const own = provider('recorded', { probe: args });
  own.probe.fire(value as never);
  own.unload();
  return recorder.fired[0]!.values;
}

function definitionOf(name: string, args: unknown): ProviderDefinition {
  return { name, probes: [operationProbe('probe', args as ReturnType<typeof string>[])] };
}

function operationProbe(name: string, args: readonly { type: string; name: string }[]) {
  const native = args.flatMap((argument) =>
    argument.type === 'bytes'
      ? [
          { name: argument.name, type: 'pointer' },
          { name: `${argument.name}_length`, type: 'uint64' },
        ]
      : [{ name: argument.name, type: ['json', 'stack'].includes(argument.type) ? 'string' : argument.type }],
  );
  return { name, arguments: args, native } as ProviderDefinition['probes'][number];
}

/** Values that fit no argument but, some of them, json's. */
function hostileValues(): unknown[] {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const deep: { toJSON(): unknown } = { toJSON: () => ({ again: JSON.stringify(deep) }) };
  const thrower = () => {
    throw new Error('trap');
  };
  const { proxy: revoked, revoke } = Proxy.revocable({}, {});
  revoke();
  const { proxy: revokedFunction, revoke: revokeFunction } = Proxy.revocable(() => {}, {});
  revokeFunction();
  return [
    circular,
    deep,
    revoked,
    revokedFunction,
    Symbol('symbol'),
    new Proxy({}, { get: thrower, getPrototypeOf: thrower, ownKeys: thrower, has: thrower }),
    { toJSON: thrower },
    { toString: thrower, valueOf: thrower, [Symbol.toPrimitive]: thrower },
    {
      toJSON: () => {
        throw {
          get message() {
            throw new Error('message');
          },
        };
      },
    },
    {
      get value() {
        throw Symbol('thrown');
      },
    },
    { big: 1n },
    new Map(),
    new Float64Array(2),
    new DataView(new ArrayBuffer(2)),
    Object.create(null),
    () => {},
    class {},
    undefined,
    null,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 31,
    -(2n ** 31n) - 1n,
    [],
    new Date(Number.NaN),
  ];
}
