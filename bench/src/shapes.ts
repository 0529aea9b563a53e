// What is measured of a probe that nobody traces, and what it is compared with.

export const SHAPES = {
  fire: 'sonde: probe.fire(string, int)',
  'fire-10000': 'the same, 10,000 probes defined',
  property: 'smtp.sessionStart.fire(string, int)',
  inlined: 'probe.fire in a function that V8 inlines',
  enabled: 'if (probe.enabled)',
  fireWith: 'probe.fireWith(() => [string, int])',
  loopWith: 'the same, the closure made in the loop itself',
  operation: 'operation.run([string], work) beside work()',
  sites: '10 probes at 10 call sites of one function',
  many: '1,000 probes through one call site',
  plain: '1,000 plain objects of one field, in the same loop',
  cold: 'probe.fire in functions that run for the second time',
  long: 'probe.fire, one loop of a million turns',
  field: 'if (object.field !== 1), one loop of a million turns',
  event: 'probe.fire of a probe that is a user event, too',
  dtraceProvider: '@sonde/dtrace-provider: probe.fire(() => [string, int])',
  usdtDropIn: '@sonde/usdt: probe.fire(() => [string, int])',
  publish: 'diagnostics_channel: publish, no subscriber',
  subscribers: 'diagnostics_channel: hasSubscribers',
  stub: "dtrace-provider's stub: a method that does nothing",
  debug: 'debug, disabled',
  span: 'OpenTelemetry without SDK: startSpan().end()',
  native: 'any native call (Node-API, no values)',
  usdt: "npm usdt's way, re-created: a closure and a native call",
} as const;
export type Shape = keyof typeof SHAPES;

/** What is measured on each backend. */
export const CALLS = ['fire', 'enabled', 'fireWith', 'operation'] as const satisfies Shape[];
export const BACKENDS = ['systemtap', 'ebpf', 'dtrace', 'noop'] as const;
export type BackendCall = `${(typeof BACKENDS)[number]} ${(typeof CALLS)[number]}`;

/** Nanoseconds per turn, for each round. */
export interface Timing {
  bare: number[];
  call: number[];
  shape: number[];
  /** The loop without the shape that does the rest of what the shape's does. */
  shapeBare: number[];
}
