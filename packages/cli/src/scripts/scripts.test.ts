import assert from 'node:assert/strict';
import type { Argument, Kind, Probe, TracedObject } from '../model.js';
import { parseCondition } from '../question/where.js';
import { bpftraceScript } from './bpftrace.js';
import { dScript } from './d.js';
import { perfScript } from './perf.js';
import type { Scripted } from './scripted.js';
import { stapScript } from './stap.js';

const argument = (name: string, kind: Kind, size: number, operand: string): Argument => ({
  name,
  type: kind,
  kind,
  size: Math.abs(size),
  operand: { size, float: false, operand },
});

const done: Probe = {
  provider: 'smtp',
  name: 'delivery__done',
  symbol: 'smtp_delivery__done',
  offset: 4096,
  semaphore: undefined,
  part: 'done',
  arguments: [
    argument('id', 'unsigned', 8, '%rdi'),
    argument('ns', 'unsigned', 8, '%rsi'),
    argument('domain', 'text', 8, '%rdx'),
    argument('port', 'signed', -4, '%ecx'),
    argument('data', 'bytes', 8, '%r8'),
    argument('data_length', 'unsigned', 8, '%r9'),
    argument('last', 'signed', -8, '8(%rsp)'),
  ],
};

const object: TracedObject = {
  id: '1',
  name: 'smtp.so',
  path: '/run/sonde/smtp.so',
  content: '/run/sonde/smtp.so',
  architecture: 'x64',
  hasNotes: true,
  probes: [done],
  processes: [],
};

const base = {
  selections: [{ object, probes: [done] }],
  pids: undefined,
  condition: undefined,
  every: undefined,
  follow: () => ({ stop() {} }),
};
const trace: Scripted = { ...base, kind: 'trace', fields: undefined };
const count: Scripted = {
  ...base,
  kind: 'count',
  by: ['domain', 'port'],
  condition: parseCondition('domain == "a\\"b" && ns > 1ms'),
  pids: [4711],
};
const hist: Scripted = { ...base, kind: 'hist', by: [], value: 'ns', every: 1000 };

const WRITERS = { bpftrace: bpftraceScript, d: dScript, stap: stapScript, perf: perfScript };

describe('Scripts', () => {
  const golden: [keyof typeof WRITERS, Scripted, string][] = [
    [
      'bpftrace',
      trace,
      `// Prints events of smtp:delivery__done. Run it as root: bpftrace FILE

usdt:/run/sonde/smtp.so:smtp:delivery__done
{
  printf("%d smtp:delivery__done id=%llu ns=%llu domain=%s port=%d data=%r last=%lld\\n", pid, arg0, arg1, str(arg2), arg3, buf(arg4, arg5), *(int64 *)(reg("sp") + 8));
}
`,
    ],
    [
      'bpftrace',
      count,
      `// Counts smtp:delivery__done. Run it as root: bpftrace FILE

usdt:/run/sonde/smtp.so:smtp:delivery__done
/(pid == 4711) && ((str(arg2) == "a\\"b") && (arg1 > 1000000))/
{
  @delivery__done[str(arg2), arg3] = count();
}
`,
    ],
    [
      'bpftrace',
      hist,
      `// Shows how values are distributed of smtp:delivery__done. Run it as root: bpftrace FILE

usdt:/run/sonde/smtp.so:smtp:delivery__done
{
  @delivery__done = hist(arg1);
}

interval:ms:1000
{
  print(@delivery__done); clear(@delivery__done);
}
`,
    ],
    [
      'd',
      trace,
      `/* Prints events of smtp:delivery__done. Run it as root: dtrace -s FILE */

#pragma D option quiet

smtp*:::delivery-done
{
	printf("%d smtp:delivery__done id=%d ns=%d domain=%s port=%d last=%d\\n", pid, (uint64_t)arg0, (uint64_t)arg1, copyinstr(arg2), (int32_t)arg3, arg6);
}
`,
    ],
    [
      'd',
      count,
      `/* Counts smtp:delivery__done. Run it as root: dtrace -s FILE */

smtp4711:::delivery-done
/(copyinstr(arg2) == "a\\"b") && ((uint64_t)arg1 > 1000000)/
{
	@delivery__done[copyinstr(arg2), (int32_t)arg3] = count();
}
`,
    ],
    [
      'd',
      hist,
      `/* Shows how values are distributed of smtp:delivery__done. Run it as root: dtrace -s FILE */

smtp*:::delivery-done
{
	@delivery__done = quantize((uint64_t)arg1);
}

tick-1000ms
{
	printa(@delivery__done);
	trunc(@delivery__done);
}
`,
    ],
    [
      'stap',
      trace,
      `# Prints events of smtp:delivery__done. Run it as root: stap FILE

probe process("/run/sonde/smtp.so").provider("smtp").mark("delivery__done")
{
  printf("%d smtp:delivery__done id=%u ns=%u domain=%s port=%d last=%d\\n", pid(), $arg1, $arg2, user_string($arg3), $arg4, $arg7)
}
`,
    ],
    [
      'stap',
      count,
      `# Counts smtp:delivery__done. Run it as root: stap FILE

global delivery__done

probe process("/run/sonde/smtp.so").provider("smtp").mark("delivery__done")
{
  if (!((pid() == 4711) && ((user_string($arg3) == "a\\"b") && ($arg2 > 1000000)))) next
  delivery__done[user_string($arg3), $arg4] <<< 1
}

probe end
{
  foreach ([k0, k1] in delivery__done-) { print(k0, " "); print(k1, " "); println(@count(delivery__done[k0, k1])) }
}
`,
    ],
    [
      'stap',
      hist,
      `# Shows how values are distributed of smtp:delivery__done. Run it as root: stap FILE

global delivery__done

probe process("/run/sonde/smtp.so").provider("smtp").mark("delivery__done")
{
  delivery__done <<< $arg2
}

probe timer.ms(1000)
{
  if (@count(delivery__done) > 0) { printf("delivery__done "); print(@hist_log(delivery__done)) }
  delete delivery__done
}

probe end
{
  if (@count(delivery__done) > 0) { printf("delivery__done "); print(@hist_log(delivery__done)) }
}
`,
    ],
    [
      'perf',
      { ...trace, condition: parseCondition('port > 5'), pids: [4711] },
      `# Prints events of smtp:delivery__done. Run it as root: sh FILE

perf probe -x /run/sonde/smtp.so --add 'sonde:delivery__done=smtp_delivery__done id ns domain=domain:string port last'
perf record -o /tmp/sonde.data -e sonde:delivery__done --filter 'port > 5' -p 4711 -- sleep 10
perf script -i /tmp/sonde.data -F pid,event,trace
perf probe --del sonde:delivery__done
`,
    ],
    [
      'perf',
      { ...base, kind: 'count', by: [] },
      `# Counts smtp:delivery__done. Run it as root: sh FILE

perf probe -x /run/sonde/smtp.so --add sonde:delivery__done=smtp_delivery__done
perf stat -e sonde:delivery__done -a -- sleep 10
perf probe --del sonde:delivery__done
`,
    ],
  ];
  for (const [tool, question, expected] of golden) {
    it(`are written for ${tool}: ${question.kind}`, () => {
      assert.equal(WRITERS[tool](question), expected);
    });
  }

  const impossible: [keyof typeof WRITERS, Scripted, RegExp][] = [
    ['perf', hist, /perf cannot make histograms; bpftrace can/],
    ['perf', count, /perf cannot count by arguments; bpftrace can/],
    ['d', { ...trace, condition: parseCondition('domain ~ "a*"') }, /DTrace cannot compare with wildcards/],
    ['bpftrace', { ...trace, condition: parseCondition('ns > 1.5') }, /bpftrace cannot compare with fractions/],
    ['bpftrace', { ...count, by: ['data'], condition: undefined }, /bpftrace cannot read a bytes/],
  ];
  for (const [tool, question, message] of impossible) {
    it(`are refused where ${tool} cannot say it: ${message.source}`, () => {
      assert.throws(() => WRITERS[tool](question), message);
    });
  }
});
