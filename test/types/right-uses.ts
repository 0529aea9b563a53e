import { boolean, bytes, int32, json, type Operation, operation, type Probe, provider, stack, status, string, uint64 } from 'sonde';

export const smtp = provider('smtp', {
  none: [],
  sessionStart: [string('peer'), int32('port')],
  wide: [uint64('a'), json('b'), boolean('c'), bytes('d'), stack('e', { depth: 5 }), string('f', { limit: 10 })],
  named: { name: 'its_name', arguments: [int32('a')] },
  delivery: operation({ start: [string('recipient')], done: [uint64('bytes')] }),
  bare: operation(),
});

smtp.none.fire();
smtp.sessionStart.fire('10.0.0.7', 2525);
smtp.sessionStart.fire('10.0.0.7', 2525n);
smtp.wide.fire(1n, { any: 'thing' }, true, Buffer.from('x'), 'text after the stack');
smtp.wide.fire(1, undefined, false, new Uint8Array(1), '');
smtp.named.fire(1);
smtp.sessionStart.fireWith(() => ['10.0.0.7', 1]);
const enabled: boolean = smtp.sessionStart.enabled && smtp.delivery.enabled && smtp.delivery.done.enabled;
const n: number = smtp.delivery.run(
  ['a@example.org'],
  () => 1,
  (result) => [result],
);
const p: Promise<{ bytes: number }> = smtp.delivery.run(
  ['a@example.org'],
  async () => ({ bytes: 1 }),
  (result) => [result.bytes],
);
smtp.bare.run([], () => 'x');
smtp.delivery.runCallback(
  ['a@example.org'],
  (callback: (error: Error | null, size: number) => void) => callback(null, 1),
  (_error, _size) => {},
  (size) => [size],
);
const probe: Probe<[string, number | bigint]> = smtp.sessionStart;
const delivery: Operation<[string], [number | bigint]> = smtp.delivery;
const reason: string | undefined = status().reason;
smtp.unload();
smtp[Symbol.dispose]();

export const placed = provider(
  'placed',
  { probe: { name: 'probe__name', arguments: [int32('i')], function: 'deliver' } },
  { module: 'mail' },
);
placed.probe.fire(1);
