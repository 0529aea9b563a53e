// What native code does in a process's life: it loads objects, fires every type of argument, and
// lets objects go. Without a tracer, which valgrind could not follow: backends are called as the
// core calls them.

import type { Backend, LoadedProvider, NativeValue, ProviderDefinition } from '@sonde/core/internal';
import { ebpf } from '@sonde/ebpf';
import { systemtap } from '@sonde/systemtap';

const TIMES = 50;

const definition: ProviderDefinition = {
  name: 'valgrind',
  probes: [
    { name: 'none', arguments: [], native: [] },
    {
      name: 'texts',
      arguments: [
        { type: 'string', name: 'a', limit: 10 },
        { type: 'json', name: 'b', limit: 4095 },
        { type: 'string', name: 'c', limit: 2 ** 20 },
      ],
      native: [
        { name: 'a', type: 'string' },
        { name: 'b', type: 'string' },
        { name: 'c', type: 'string' },
      ],
    },
    {
      name: 'mixed',
      arguments: [
        { type: 'string', name: 'a', limit: 4095 },
        { type: 'int8', name: 'b' },
        { type: 'uint64', name: 'c' },
        { type: 'boolean', name: 'd' },
        { type: 'bytes', name: 'e' },
      ],
      native: [
        { name: 'a', type: 'string' },
        { name: 'b', type: 'int8' },
        { name: 'c', type: 'uint64' },
        { name: 'd', type: 'boolean' },
        { name: 'e', type: 'pointer' },
        { name: 'e_length', type: 'uint64' },
      ],
    },
  ],
};
const values: NativeValue[][][] = [
  [[]],
  [
    ['', '""', ''],
    ['012345678😀', '{"a":"\0"}', 'x'.repeat(5000)],
    ['\0\0\0\0\0', '\ud800'.repeat(3000), '€'.repeat(400_000)],
  ],
  [
    ['GET', -128, 2n ** 64n - 1n, 1, Buffer.from('body')],
    ['GET', 127, 1, 0, new Uint8Array(0)],
    ['\0'.repeat(300), 0, 2 ** 53, 1, new Uint8Array(2 ** 16)],
  ],
];

for (const make of [systemtap, ebpf] as (() => Backend)[]) {
  let loaded: LoadedProvider | undefined = make().load(definition);
  for (const [index, { fire }] of loaded.probes.entries()) {
    for (let time = 0; time < TIMES; time++) for (const each of values[index]!) fire(...each);
  }
  loaded.unload();
  loaded = undefined;
  for (let i = 0; i < 3; i++) {
    gc!();
    await new Promise(setImmediate);
  }
}
console.log('done');
