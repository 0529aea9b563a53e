import assert from 'node:assert/strict';
import type { Sample } from '../recording.js';
import { SampleParser } from './perf-script.js';

describe('samples of perf script', () => {
  it('have frames from the outermost on, each of its kind', () => {
    const text = `15446 cpu-clock:u: 
	         16070a1 Builtins_ArrayMap+0x261 (/usr/bin/node)
	    7f62e7895bb3 deliver /app/mail.js:12+0x1ae (/tmp/perf-15446.map)
	    7f62e78b491c builtin:ArrayPrototypeFind+0x3 (/tmp/perf-7.map)
	          7bbbe6 node::(anonymous namespace)::Invoke+0x1f (/usr/bin/node)

15447 smtp:e1: 
	ffffffff8105a2a5 do_syscall_64+0x5 ([kernel.kallsyms])
	           2724a __libc_start_call_main+0x7a (/usr/lib/libc.so.6 (deleted))

`;
    assert.deepEqual(parse(text), [
      {
        pid: 15446,
        event: 'cpu-clock:u',
        count: 1,
        frames: [
          { name: 'node::(anonymous namespace)::Invoke', kind: 'native', object: '/usr/bin/node' },
          { name: 'builtin:ArrayPrototypeFind', kind: 'builtin' },
          { name: 'deliver /app/mail.js:12', kind: 'javascript' },
          { name: 'Builtins_ArrayMap', kind: 'builtin', object: '/usr/bin/node' },
        ],
      },
      {
        pid: 15447,
        event: 'smtp:e1',
        count: 1,
        frames: [
          { name: '__libc_start_call_main', kind: 'native', object: '/usr/lib/libc.so.6 (deleted)' },
          { name: 'do_syscall_64', kind: 'kernel', object: '[kernel.kallsyms]' },
        ],
      },
    ]);
  });

  it('have names as they are, whatever stands in them', () => {
    const names = ['a+0x1 (/b) /app/x y.js:3', 'f (c)', 'x', '', '[unknown] /a.js:1', 'with  two spaces '];
    const lines = names.map((name) => `\t 7f62e7895bb3 ${name}+0x1ae (/tmp/perf-1.map)`).reverse();
    const [sample] = parse(`1 e: \n${lines.join('\n')}\n`);
    assert.deepEqual(
      sample!.frames.map(({ name }) => name),
      names,
    );
  });

  it('lose addresses at which no code is, and name code without a symbol by its file', () => {
    const text = `1 cpu-clock: 
	               1 [unknown] ([unknown])
	    7f62e7895bb3 [unknown] (//anon)
	    7f62e7895bb4 [unknown] (/tmp/perf-1.map)
	    7f62e7895bb5 [unknown] (/app/build/some.node)
	ffffffffc0000000 [unknown] ([kernel.kallsyms])
	               0 [unknown] ([unknown])

2 cpu-clock: 
	               0 [unknown] ([unknown])

`;
    const [sample, ...more] = parse(text);
    assert.deepEqual(
      sample!.frames.map(({ name }) => name),
      ['[kernel]', '[some.node]', '[JavaScript without a name]'],
    );
    assert.deepEqual(more, []);
  });
});

function parse(text: string): Sample[] {
  const samples: Sample[] = [];
  const parser = new SampleParser((sample) => samples.push(sample));
  for (const line of text.split('\n')) parser.line(line);
  parser.end();
  return samples;
}
