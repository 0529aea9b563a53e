import assert from 'node:assert/strict';
import type { Sample } from '../recording.js';
import { StackParser } from './stack-parser.js';

// As 0.17 and 0.23 print it.
const PRINTED = `Attaching 2 probes...
on


@[, 
	7f4c18050d6f say (a) /app/b c.js:4+1327 (/tmp/perf-22428.map)
	7f4c1804769b 0x7f4c1804769b ([unknown])
	7f4c1804769c 0x7f4c1804769c (/tmp/perf-22428.map)
	18ce0dc Builtins_JSEntryTrampoline+92 (/usr/bin/node)
	10494db v8::internal::(anonymous namespace)::Invoke(int)+299 (/usr/bin/node)
	7f4c3f84524a 0x7f4c3f84524a (/usr/lib/libc.so.6)
, 22428]: 57
@[
	ffffffff81000130 entry_SYSCALL_64_after_hwframe+118
, 
	7fdf1a61a829 syscall+25 (/usr/lib/libc.so.6)
, 5206]: 5
@[, , 7]: 3
`;

describe('stacks that bpftrace prints', () => {
  it('are read, the outermost first', () => {
    const samples: Sample[] = [];
    const parser = new StackParser((sample) => samples.push(sample));
    for (const line of PRINTED.split('\n')) parser.line(line);
    const shown = samples.map(({ pid, count, frames }) => [
      pid,
      count,
      ...frames.map(({ name, kind }) => [name, kind]),
    ]);
    assert.deepEqual(shown, [
      [
        22428,
        57,
        ['[libc.so.6]', 'native'],
        ['v8::internal::(anonymous namespace)::Invoke(int)', 'native'],
        ['Builtins_JSEntryTrampoline', 'builtin'],
        ['[JavaScript without a name]', 'javascript'],
        ['say (a) /app/b c.js:4', 'javascript'],
      ],
      [5206, 5, ['syscall', 'native'], ['entry_SYSCALL_64_after_hwframe', 'kernel']],
    ]);
  });
});
