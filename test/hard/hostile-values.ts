// Values of every kind that a program may pass by mistake, or on purpose. Each is made anew
// whenever it is asked for.
import { createContext, runInContext } from 'node:vm';

/**
 * Code of a value that was run: only json, and what is in place of a list of values, may run any.
 */
export const ran = { count: 0 };

const run = <T>(result: () => T): T => {
  ran.count++;
  return result();
};
const fail = (): never => {
  ran.count++;
  throw new Error('hostile');
};
/** Every trap of a proxy throws. */
const throwing = Object.fromEntries(
  Object.getOwnPropertyNames(Reflect).map((trap) => [trap, fail]),
) as ProxyHandler<object>;
/** Every trap of a proxy works, and counts. */
const counting = Object.fromEntries(
  Object.getOwnPropertyNames(Reflect).map((trap) => [
    trap,
    (...args: unknown[]) =>
      run(() => (Reflect as unknown as Record<string, (...args: unknown[]) => unknown>)[trap]!(...args)),
  ]),
) as ProxyHandler<object>;
const context = createContext({});

interface Resizable extends ArrayBuffer {
  resize(length: number): void;
}

export const hostileValues: Record<string, () => unknown> = {
  undefined: () => undefined,
  null: () => null,
  NaN: () => Number.NaN,
  infinity: () => Number.POSITIVE_INFINITY,
  'minus zero': () => -0,
  'a huge number': () => Number.MAX_VALUE,
  'a tiny number': () => Number.MIN_VALUE,
  'a huge bigint': () => 2n ** 4096n,
  'a small bigint': () => -(2n ** 65n),
  symbol: () => Symbol('hostile'),
  function: () => () => fail(),
  class: () => class {},
  'empty text': () => '',
  'text of NULs': () => '\0'.repeat(5000),
  'text of half characters': () => '\ud800'.repeat(5000),
  'text that is a slice': () => 'x'.repeat(100_000).slice(7, 99_000),
  'text of two kinds in a rope': () => `${'x'.repeat(3000)}${'😀'.repeat(3000)}`,
  'text of megabytes': () => 'y'.repeat(2 ** 22),
  'a String object': () => new String('boxed'),
  'a Number object': () => new Number(1),
  'a Boolean object': () => new Boolean(false),
  'a Date that is none': () => new Date(Number.NaN),
  'a proxy of an object that throws': () => new Proxy({}, throwing),
  'a proxy of a function that throws': () => new Proxy(() => {}, throwing),
  'a proxy of an array that throws': () => new Proxy([1], throwing),
  'a proxy of an array': () => new Proxy([1, 2], counting),
  'a proxy of bytes': () => new Proxy(new Uint8Array(8), counting),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable([], {});
    revoke();
    return proxy;
  },
  'toJSON that throws': () => ({ toJSON: fail }),
  'toJSON that throws nothing of use': () => ({
    toJSON() {
      ran.count++;
      throw new Proxy({}, throwing);
    },
  }),
  'toJSON without an end': () => {
    const value = { toJSON: (): unknown => run(() => ({ again: value })) };
    return value;
  },
  'a getter that throws': () => Object.defineProperty({}, 'value', { enumerable: true, get: fail }),
  'every conversion throws': () => ({
    [Symbol.toPrimitive]: fail,
    toString: fail,
    valueOf: fail,
    toJSON: fail,
  }),
  'a circle': () => {
    const circle: Record<string, unknown> = {};
    circle.circle = circle;
    return circle;
  },
  'an object a hundred thousand deep': () => {
    let deep: unknown = null;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    return deep;
  },
  'an object without a prototype': () => Object.create(null),
  'an object with a bigint': () => ({ value: 1n }),
  'an array of holes': () => new Array(1000),
  'an array with a getter': () => Object.defineProperty([0], 0, { get: fail }),
  'an array of a class whose iterator throws': () => {
    class Hostile extends Array {
      override [Symbol.iterator](): never {
        return fail();
      }
    }
    return new Hostile(3);
  },
  'an array of another realm': () => runInContext('[1, 2, 3]', context),
  'bytes of another realm': () => runInContext('new Uint8Array(4)', context),
  'bytes that were handed on': () => {
    const bytes = new Uint8Array(16);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    return bytes;
  },
  'bytes of a buffer that shrank': () => {
    // Not in the types of ES2023 yet.
    const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => Resizable;
    const buffer = new Resizable(64, { maxByteLength: 64 });
    const bytes = new Uint8Array(buffer, 32, 16);
    buffer.resize(8);
    return bytes;
  },
  'bytes of shared memory': () => new Uint8Array(new SharedArrayBuffer(16)),
  'bytes that say they are longer': () =>
    Object.defineProperty(new Uint8Array(4), 'length', { get: () => run(() => 2 ** 31) }),
  'bytes of no length': () => new Uint8Array(0),
  'a DataView': () => new DataView(new ArrayBuffer(8)),
  'a Float64Array': () => new Float64Array(4),
  'an ArrayBuffer': () => new ArrayBuffer(8),
  'an object in the shape of bytes': () => ({
    length: 8,
    buffer: new ArrayBuffer(8),
    byteOffset: 0,
    __proto__: Uint8Array.prototype,
  }),
  'a thenable that throws': () => Object.defineProperty({}, 'then', { get: fail }),
  'a promise': () => Promise.resolve(1),
  'a promise of another realm': () => runInContext('Promise.resolve(1)', context),
  'a promise with a constructor that throws': () =>
    Object.defineProperty(Promise.resolve(1), 'constructor', { get: fail }),
  'a promise of a class that cannot be followed': () => {
    class Hostile extends Promise<unknown> {
      constructor(
        executor: (resolve: (value: unknown) => void, reject: (reason: unknown) => void) => void,
        isFirst?: boolean,
      ) {
        if (!isFirst) fail();
        super(executor);
      }
    }
    return new Hostile((resolve) => resolve(1), true);
  },
  'an Error whose message throws': () => Object.defineProperty(new Error(), 'message', { get: fail }),
  'an Error whose stack throws': () => Object.defineProperty(new Error(), 'stack', { get: fail }),
  'an Error that is its own cause': () => {
    const error = new Error('circle');
    error.cause = error;
    return error;
  },
  'a generator': () =>
    (function* () {
      yield fail();
    })(),
  'a Map': () => new Map([[{}, {}]]),
  'a WeakRef': () => new WeakRef({}),
  globalThis: () => globalThis,
};
