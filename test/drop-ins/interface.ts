// The interface of dtrace-provider 0.8.8, a row for each thing that it does: what its addon does,
// what its stub does that runs on Linux, and what
// @sonde/dtrace-provider does where that is better. What the addon does was found with its C++ on
// Node.js 10 and 12, where it still compiles, or read there: it compiles on no Node.js that sonde
// runs on.
import type * as DtraceProvider from '@sonde/dtrace-provider';

type Package = typeof DtraceProvider;

/** What JavaScript lets pass. */
// biome-ignore lint/suspicious/noExplicitAny: wrong on purpose
type Anything = any;

export interface Row {
  what: string;
  run(given: { d: Anything & Package; fired: () => unknown[][] }): unknown;
  /** What the original with its addon does; `ABORTS` where the process ends. */
  original: unknown;
  /** What @sonde/dtrace-provider does, where it is something else, and why. */
  ours?: { does: unknown; because: string };
  /** What the original's stub does, where it is something else than the addon. */
  stub?: unknown;
}

export const ABORTS = 'the process is aborted';

/** What a call came to. */
export function outcome(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    const { name, message } = error as Error;
    return `${name}: ${message}`;
  }
}

/** An enabled provider with one probe. */
function enabled(d: Anything, ...types: string[]): { provider: Anything; probe: Anything } {
  const provider = d.createDTraceProvider('p');
  const probe = provider.addProbe('probe', ...types);
  provider.enable();
  return { provider, probe };
}

const names = (object: object) => Object.keys(object).sort();

/** Conversions: a type, values, and what tracers see of them. */
function conversion(type: string, values: unknown[], seen: unknown[], ours?: Row['ours']): Row {
  return {
    what: `a value of type ${type}: ${values.map(shown).join(', ')}`,
    run: ({ d, fired }) => {
      const { probe } = enabled(d, type);
      for (const value of values) probe.fire(() => [value]);
      return fired().map(([, value]) => value);
    },
    original: seen,
    ...(ours && { ours }),
    stub: [],
  };
}

function shown(value: unknown): string {
  switch (typeof value) {
    case 'bigint':
      return `${value}n`;
    case 'function':
      return 'a function';
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object';
    default:
      return String(value);
  }
}

const circular: { self?: object } = {};
circular.self = circular;

const hostile = {
  valueOf() {
    throw new Error('valueOf');
  },
  toString() {
    throw new Error('toString');
  },
};

export const rows: Row[] = [
  // What is exported, and how providers are made.
  { what: 'exports', run: ({ d }) => names(d), original: ['DTraceProvider', 'createDTraceProvider'] },
  {
    what: 'the factory makes a DTraceProvider',
    run: ({ d }) => d.createDTraceProvider('p') instanceof d.DTraceProvider,
    original: true,
  },
  {
    what: 'without a name, or with one that is no string',
    run: ({ d }) => [
      outcome(() => typeof new d.DTraceProvider()),
      outcome(() => typeof new d.DTraceProvider(7)),
      outcome(() => typeof d.createDTraceProvider()),
    ],
    original: Array(3).fill('TypeError: Must give provider name as argument'),
    stub: Array(3).fill('object'),
  },
  {
    what: 'with a module that is no string',
    run: ({ d }) => [
      outcome(() => typeof new d.DTraceProvider('p', 7)),
      outcome(() => typeof new d.DTraceProvider('p', undefined)),
      outcome(() => typeof d.createDTraceProvider('p', null)),
    ],
    original: Array(3).fill('TypeError: Must give module name as argument'),
    stub: Array(3).fill('object'),
  },
  {
    what: 'with three arguments: the constructor refuses them, the factory drops the module',
    run: ({ d }) => [
      outcome(() => typeof new d.DTraceProvider('p', 'm', 1)),
      outcome(() => typeof d.createDTraceProvider('p', 7, 1)),
    ],
    original: ['Error: Expected only provider name and module as arguments', 'object'],
    stub: ['object', 'object'],
  },
  {
    what: 'called without new',
    run: ({ d }) => outcome(() => d.DTraceProvider('p')),
    original: ABORTS,
    ours: {
      does: "TypeError: Class constructor DTraceProvider cannot be invoked without 'new'",
      because: 'nothing aborts the process',
    },
    stub: undefined,
  },
  {
    what: 'any name, and any module',
    run: ({ d }) =>
      ['', 'pid', 'a b', '1', 'mäil', 'x'.repeat(300)].map((name) => typeof d.createDTraceProvider(name, name)),
    original: Array(6).fill('object'),
  },

  // addProbe
  {
    what: 'addProbe returns a DTraceProbe, which is the enumerable, writable property of its name',
    run: ({ d }) => {
      const provider = d.createDTraceProvider('p');
      const probe = provider.addProbe('a', 'int');
      const { value, ...rest } = Object.getOwnPropertyDescriptor(provider, 'a')!;
      return [probe.constructor.name, value === probe, rest, names(provider), names(probe)];
    },
    original: ['DTraceProbe', true, { configurable: true, enumerable: true, writable: true }, ['a'], []],
    stub: ['Object', true, { configurable: true, enumerable: true, writable: true }, ['a'], ['fire']],
  },
  {
    what: '__prov__ is the provider: not enumerable, read-only',
    run: ({ d }) => {
      const provider = d.createDTraceProvider('p');
      const probe = provider.addProbe('a');
      const descriptor = Object.getOwnPropertyDescriptor(probe, '__prov__');
      return (
        descriptor && [
          descriptor.value === provider,
          descriptor.enumerable,
          descriptor.writable,
          descriptor.configurable,
        ]
      );
    },
    original: [true, false, false, false],
    stub: undefined,
  },
  {
    what: 'a probe that is named as a method takes its place',
    run: ({ d }) => {
      const provider = d.createDTraceProvider('p');
      const probe = provider.addProbe('enable');
      return [provider.enable === probe, outcome(() => provider.enable())];
    },
    original: [true, 'TypeError: provider.enable is not a function'],
  },
  {
    what: 'without a name',
    run: ({ d }) => {
      const provider = d.createDTraceProvider('p');
      provider.addProbe();
      return names(provider);
    },
    original: ['undefined'],
  },
  {
    what: 'a name that is __proto__, or a symbol',
    run: ({ d }) => {
      const provider = d.createDTraceProvider('p');
      provider.addProbe('__proto__');
      return [provider instanceof d.DTraceProvider, outcome(() => typeof provider.addProbe(Symbol('s')))];
    },
    original: ABORTS,
    ours: { does: [true, 'object'], because: 'nothing aborts the process, and a provider stays one' },
    stub: [false, 'TypeError: provider.addProbe is not a function'],
  },
  {
    what: 'types by how they begin: integer is an int, json5 is json; float, uint64 and char* are texts',
    run: ({ d, fired }) => {
      const { probe } = enabled(d, 'int', 'integer', 'json', 'json5', 'char *', 'char *x', 'float', 'uint64', 'char*');
      probe.fire(() => Array(9).fill('7'));
      return fired();
    },
    original: [['probe', 7, 7, '"7"', '"7"', '7', '7', '7', '7', '7']],
    stub: [],
  },
  {
    what: 'types that are no strings, or none at all',
    run: ({ d, fired }) => {
      const { probe } = enabled(d, undefined as Anything, null as Anything, 7 as Anything, hostile as Anything);
      probe.fire(() => [1, 2, 3, 4]);
      return fired();
    },
    original: ABORTS,
    ours: { does: [['probe', '1', '2', '3', '4']], because: 'nothing aborts the process' },
    stub: [],
  },
  {
    what: '32 arguments are accepted, and those beyond ignored',
    run: ({ d, fired }) => {
      const { probe } = enabled(d, ...Array(40).fill('int'));
      const returned = probe.fire(() => Array.from({ length: 40 }, (_, index) => index));
      return [returned, fired()];
    },
    original: [true, [['probe', ...Array(32).keys()]]],
    ours: { does: [true, [['probe', ...Array(12).keys()]]], because: 'no backend carries more than twelve' },
    stub: [undefined, []],
  },
  {
    what: 'a second probe of one name, of the same types: another probe, which replaces the property',
    run: ({ d, fired }) => {
      const provider = d.createDTraceProvider('p');
      const [one, two] = [provider.addProbe('a', 'int'), provider.addProbe('a', 'int')];
      provider.enable();
      return [one === two, provider.a === two, one.fire(() => [1]), two.fire(() => [2]), fired()];
    },
    original: [false, true, true, undefined, [['a', 1]]],
    ours: {
      does: [
        false,
        true,
        true,
        true,
        [
          ['a', 1],
          ['a', 2],
        ],
      ],
      because: 'in the original the second one never fires',
    },
    stub: [false, true, undefined, undefined, []],
  },
  {
    what: 'a second probe of one name, of other types',
    run: ({ d, fired }) => {
      const provider = d.createDTraceProvider('p');
      const [one, two] = [provider.addProbe('a', 'int'), provider.addProbe('a', 'char *')];
      provider.enable();
      return [one.fire(() => [1]), two.fire(() => ['two']), fired()];
    },
    original: [true, undefined, [['a', 1]]],
    ours: {
      does: [
        true,
        true,
        [
          ['a', 1],
          ['a', 'two'],
        ],
      ],
      because: 'in the original the second one never fires',
    },
    stub: [undefined, undefined, []],
  },

  // enable, disable, removeProbe
  {
    what: 'enable and disable return undefined, as often as they are called',
    run: ({ d }) => {
      const { provider } = enabled(d);
      return [provider.enable(), provider.enable(), provider.disable(), provider.disable(), provider.enable()];
    },
    original: Array(5).fill(undefined),
  },
  {
    what: 'enable without probes',
    run: ({ d }) => outcome(() => d.createDTraceProvider('p').enable()),
    original: 'Error: no probes defined',
    stub: undefined,
  },
  {
    what: 'a probe fires while its provider is enabled, and neither before nor after',
    run: ({ d, fired }) => {
      const provider = d.createDTraceProvider('p');
      const probe = provider.addProbe('a', 'int');
      const fire = (value: number) => probe.fire(() => [value]);
      const returned = [fire(1)];
      provider.enable();
      returned.push(fire(2));
      provider.disable();
      returned.push(fire(3));
      provider.enable();
      returned.push(fire(4));
      return [returned, fired()];
    },
    original: [
      [undefined, true, undefined, true],
      [
        ['a', 2],
        ['a', 4],
      ],
    ],
    stub: [[undefined, undefined, undefined, undefined], []],
  },
  {
    what: 'a probe that is added after enable',
    run: ({ d, fired }) => {
      const { provider } = enabled(d);
      const late = provider.addProbe('late', 'int');
      return [late.fire(() => [1]), provider.fire('late', () => [2]), fired()];
    },
    original: [undefined, true, []],
    ours: {
      does: [
        true,
        true,
        [
          ['late', 1],
          ['late', 2],
        ],
      ],
      because: 'in the original it takes disable and enable',
    },
    stub: [undefined, undefined, []],
  },
  {
    what: 'removeProbe returns true and deletes the property; the probe fires no longer',
    run: ({ d, fired }) => {
      const { provider, probe } = enabled(d, 'int');
      const other = provider.addProbe('other', 'int');
      const returned = outcome(() => provider.removeProbe(probe));
      return [returned, names(provider), probe.fire(() => [1]), other.fire(() => [2]), fired()];
    },
    original: [true, ['other'], undefined, true, [['other', 2]]],
    stub: ['TypeError: provider.removeProbe is not a function', ['other', 'probe'], undefined, undefined, []],
  },
  {
    what: 'removeProbe of what is no probe, or one of another provider, or removed already',
    run: ({ d }) => {
      const { provider, probe } = enabled(d);
      const removals = [{}, undefined, 'probe', enabled(d).probe].map((wrong) =>
        outcome(() => provider.removeProbe(wrong)),
      );
      outcome(() => provider.removeProbe(probe));
      return [...removals, outcome(() => provider.removeProbe(probe))];
    },
    original: ABORTS,
    ours: {
      does: Array(5).fill('TypeError: Must give a probe of this provider, which was not removed, as argument'),
      because: 'nothing aborts the process',
    },
    stub: Array(5).fill('TypeError: provider.removeProbe is not a function'),
  },
  {
    what: 'the first of two probes of one name is removed',
    run: ({ d, fired }) => {
      const provider = d.createDTraceProvider('p');
      const [one, two] = [provider.addProbe('a', 'int'), provider.addProbe('a', 'int')];
      provider.enable();
      outcome(() => provider.removeProbe(one));
      return [provider.a === two, one.fire(() => [1]), two.fire(() => [2]), provider.fire('a', () => [3]), fired()];
    },
    original: [false, undefined, undefined, undefined, []],
    ours: {
      does: [
        true,
        undefined,
        true,
        true,
        [
          ['a', 2],
          ['a', 3],
        ],
      ],
      because: 'the second one is a probe as any other',
    },
    stub: [true, undefined, undefined, undefined, []],
  },
  {
    what: 'the last probe is removed, and one added again',
    run: ({ d, fired }) => {
      const { provider, probe } = enabled(d, 'int');
      outcome(() => provider.removeProbe(probe));
      const enabledAgain = outcome(() => provider.enable());
      const again = provider.addProbe('probe', 'int');
      return [enabledAgain, again.fire(() => [1]), fired()];
    },
    original: [undefined, undefined, []],
    ours: { does: [undefined, true, [['probe', 1]]], because: 'it is a probe added after enable' },
    stub: [undefined, undefined, []],
  },

  // probe.fire
  {
    what: 'fire without a callback, enabled and not',
    run: ({ d }) => {
      const untraced = d.createDTraceProvider('q').addProbe('a');
      return [
        outcome(() => enabled(d).probe.fire()),
        outcome(() => untraced.fire('x')),
        outcome(() => untraced.fire([1])),
      ];
    },
    original: Array(3).fill('TypeError: Must give probe value callback as first argument'),
    stub: [undefined, undefined, undefined],
  },
  {
    what: 'fire of a probe that nobody traces does not call the callback',
    run: ({ d }) => {
      let called = 0;
      const probe = d.createDTraceProvider('q').addProbe('a');
      return [probe.fire(() => ++called), called];
    },
    original: [undefined, 0],
  },
  {
    what: 'fire calls the callback with the probe as this, and what else it was given',
    run: ({ d, fired }) => {
      const { probe } = enabled(d, 'int');
      let seen: unknown[] = [];
      const returned = probe.fire(
        function (this: unknown, ...args: unknown[]) {
          seen = [this === probe, ...args];
          return [1];
        },
        'a',
        undefined,
        3,
      );
      return [returned, seen, fired()];
    },
    original: [true, [true, 'a', undefined, 3], [['probe', 1]]],
    stub: [undefined, [], []],
  },
  {
    what: 'a callback that returns no array',
    run: ({ d, fired }) => {
      const { probe } = enabled(d, 'int');
      const wrong = [undefined, 7, 'text', { 0: 1, length: 1 }, null];
      return [wrong.map((value) => probe.fire(() => value)), fired()];
    },
    original: [Array(5).fill(undefined), []],
  },
  {
    what: 'a callback that throws',
    run: ({ d, fired }) => {
      const { probe } = enabled(d, 'int');
      const throwing = () => {
        throw new Error('callback');
      };
      return [outcome(() => probe.fire(throwing)), fired()];
    },
    original: [undefined, []],
  },
  {
    what: 'values that are missing are undefined, and those beyond the types are passed over',
    run: ({ d, fired }) => {
      const { probe } = enabled(d, 'int', 'char *', 'json');
      probe.fire(() => []);
      probe.fire(() => [1, 'b', 3, 4, 5]);
      return fired();
    },
    original: [
      ['probe', 0, 'undefined', 'undefined'],
      ['probe', 1, 'b', '3'],
    ],
    stub: [],
  },
  {
    what: 'an element of the array that throws',
    run: ({ d, fired }) => {
      const { probe } = enabled(d, 'int');
      const values = Object.defineProperty([1], 0, {
        get() {
          throw new Error('element');
        },
      });
      return [outcome(() => probe.fire(() => values)), fired()];
    },
    original: ABORTS,
    ours: { does: [undefined, []], because: 'nothing aborts the process' },
    stub: [undefined, []],
  },
  {
    what: 'fire and the methods of a provider on something else',
    run: ({ d }) => {
      const { provider, probe } = enabled(d);
      const { fire } = probe;
      const others = [undefined, {}, provider, 7];
      const methods = ['addProbe', 'enable', 'disable', 'fire'] as const;
      return [
        ...others.map((other) => outcome(() => fire.call(other, () => []))),
        ...methods.map((method) => outcome(() => typeof provider[method].call({}, 'a', () => []))),
      ];
    },
    original: Array(8).fill('TypeError: Illegal invocation'),
    stub: [undefined, undefined, undefined, undefined, 'object', 'undefined', 'undefined', 'undefined'],
  },

  // provider.fire
  {
    what: 'provider.fire without a name, or a callback',
    run: ({ d }) => {
      const { provider } = enabled(d);
      return [
        outcome(() => provider.fire()),
        outcome(() => provider.fire(7)),
        outcome(() => provider.fire('probe')),
        outcome(() => provider.fire('none', 7)),
      ];
    },
    original: [
      'TypeError: Must give probe name as first argument',
      'TypeError: Must give probe name as first argument',
      'TypeError: Must give probe value callback as second argument',
      'TypeError: Must give probe value callback as second argument',
    ],
    stub: Array(4).fill(undefined),
  },
  {
    what: 'provider.fire of a name that is no probe of it',
    run: ({ d }) => {
      const { provider } = enabled(d);
      provider.other = enabled(d).probe;
      provider.text = 'text';
      return ['none', 'other', 'text', 'enable', 'constructor'].map((name) => provider.fire(name, () => []));
    },
    original: Array(5).fill(undefined),
  },
  {
    what: 'provider.fire of a probe is true: fired, throwing, without an array, disabled',
    run: ({ d, fired }) => {
      const { provider } = enabled(d, 'int');
      const returned = [
        provider.fire('probe', () => [1]),
        provider.fire('probe', () => {
          throw new Error('callback');
        }),
        provider.fire('probe', () => 7),
      ];
      provider.disable();
      return [...returned, provider.fire('probe', () => [2]), fired()];
    },
    original: [true, true, true, true, [['probe', 1]]],
    stub: [undefined, undefined, undefined, undefined, []],
  },
  {
    what: 'provider.fire calls the callback with the probe as this, and what else it was given',
    run: ({ d }) => {
      const { provider, probe } = enabled(d);
      let seen: unknown[] = [];
      provider.fire(
        'probe',
        function (this: unknown, ...args: unknown[]) {
          seen = [this === probe, ...args];
          return [];
        },
        1,
        2,
      );
      return seen;
    },
    original: [true, 1, 2],
    stub: [],
  },

  // Conversions
  conversion(
    'int',
    [undefined, null, Number.NaN, true, false, '42', '0x10', '', 'text', [], [7], {}],
    [0, 0, 0, 1, 0, 42, 16, 0, 0, 0, 7, 0],
  ),
  conversion('int', [1.9, -1.9, -0, 2 ** 53, -(2 ** 31) - 1], [1, -1, 0, 2n ** 53n, -(2 ** 31) - 1]),
  conversion(
    'int',
    [2 ** 63, 1e300, Number.POSITIVE_INFINITY, -(2 ** 63), -1e300, Number.NEGATIVE_INFINITY],
    [2n ** 63n - 1n, 2n ** 63n - 1n, 2n ** 63n - 1n, -(2n ** 63n), -(2n ** 63n), -(2n ** 63n)],
  ),
  conversion('int', [42n, Symbol('s'), hostile, () => {}], [0, 0, 0, 0]),
  conversion(
    'char *',
    [undefined, null, 42, true, 'ü', [1, 2], {}],
    ['undefined', 'null', '42', 'true', 'ü', '1,2', '[object Object]'],
  ),
  conversion('char *', [42n, Symbol('s')], ['42', '']),
  conversion('char *', [hostile], ['bytes that are no text'], {
    does: ['<not a string: object>'],
    because: 'the original fires memory that it never wrote',
  }),
  conversion(
    'json',
    [undefined, null, 42, 'a"b', [1, undefined], { a: { b: new Date(0) } }, () => {}],
    ['undefined', 'null', '42', '"a\\"b"', '[1,null]', '{"a":{"b":"1970-01-01T00:00:00.000Z"}}', 'undefined'],
  ),
  conversion('json', [circular, 42n, { toJSON: hostile.toString }], [ABORTS], {
    does: [
      "<not JSON: Converting circular structure to JSON\n    --> starting at object with constructor 'Object'\n    --- property 'self' closes the circle>",
      '<not JSON: Do not know how to serialize a BigInt>',
      '<not JSON: toString>',
    ],
    because: 'nothing aborts the process',
  }),
];
