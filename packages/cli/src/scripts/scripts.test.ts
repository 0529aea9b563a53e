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
      `// Prints events of smtp:delivery__done. Run it as root: BPFTRACE_STRLEN=142 BPFTRACE_MAX_STRLEN=142 bpftrace FILE

usdt:/run/sonde/smtp.so:smtp:delivery__done
{
  printf("%d smtp:delivery__done id=%llu ns=%llu domain=%s port=%d data=%r last=%lld\\n", pid, arg0, arg1, str(arg2), arg3, buf(arg4, arg5), *(int64 *)(reg("sp") + 8));
}
`,
    ],
    [
      'bpftrace',
      count,
      `// Counts smtp:delivery__done. Run it as root: BPFTRACE_STRLEN=197 BPFTRACE_MAX_STRLEN=197 bpftrace FILE

usdt:/run/sonde/smtp.so:smtp:delivery__done
/(pid == 4711) && ((str(arg2) == "a\\"b") && ((uint64)arg1 > 1000000))/
{
  @delivery__done[str(arg2), (int64)arg3] = count();
}
`,
    ],
    [
      'bpftrace',
      hist,
      `// Shows how values are distributed of smtp:delivery__done. Run it as root: bpftrace FILE
// bpftrace 0.17 has one interval for all that is 2G or more.

usdt:/run/sonde/smtp.so:smtp:delivery__done
{
  @delivery__done = hist((uint64)arg1);
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
      `/* Prints events of smtp:delivery__done. Run it as root: dtrace -s FILE; on Linux: dtrace -Z -p PID -s FILE */

#pragma D option quiet

smtp*:::delivery-done
{
	printf("%d smtp:delivery__done id=%u ns=%u domain=%s port=%d last=%d\\n", pid, (uint64_t)arg0, (uint64_t)arg1, copyinstr(arg2), (int32_t)arg3, arg6);
}
`,
    ],
    [
      'd',
      count,
      `/* Counts smtp:delivery__done. Run it as root: dtrace -p 4711 -s FILE */

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
      `/* Shows how values are distributed of smtp:delivery__done. Run it as root: dtrace -s FILE; on Linux: dtrace -Z -p PID -s FILE */

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

global delivery__done[8192]

probe process("/run/sonde/smtp.so").provider("smtp").mark("delivery__done")
{
  if (!((pid() == 4711) && ((user_string($arg3) == "a\\"b") && (($arg2 < 0 || $arg2 > 1000000))))) next
  delivery__done[user_string($arg3), $arg4] <<< 1
}

probe end
{
  foreach ([k0, k1] in delivery__done-) { printf("delivery__done %s %d ", k0, k1); println(@count(delivery__done[k0, k1])) }
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
      `# Prints events of smtp:delivery__done. Run it as root, for ten seconds: sh FILE

set -e
data=$(mktemp)
trap : INT
trap exit HUP TERM
trap 'rm -f "$data"; perf probe -q --del smtp_$$:delivery__done' EXIT
perf probe -q -x /run/sonde/smtp.so --add "smtp_$$:delivery__done=smtp_delivery__done id=id:u64 ns=ns:u64 domain=domain:string port=port:s32 last=last:s64"
perf record -q -o "$data" -e smtp_$$:delivery__done --filter 'port > 5' -p 4711 -- sleep 10 || :
perf script -i "$data" -F trace:pid,event,trace
`,
    ],
    [
      'perf',
      { ...base, kind: 'count', by: [] },
      `# Counts smtp:delivery__done. Run it as root, for ten seconds: sh FILE

set -e
trap : INT
trap exit HUP TERM
trap 'perf probe -q --del smtp_$$:delivery__done' EXIT
perf probe -q -x /run/sonde/smtp.so --add "smtp_$$:delivery__done=smtp_delivery__done"
perf stat -e smtp_$$:delivery__done -a -- sleep 10
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
    ['perf', { ...base, kind: 'count', by: [], every: 1000 }, /perf cannot print intervals/],
    ['perf', { ...trace, condition: parseCondition('port == 4294967296') }, /perf cannot compare port, of 32 bits/],
    ['perf', { ...trace, condition: parseCondition('domain == "ï"') }, /perf cannot compare with "ï"/],
    ['perf', { ...trace, condition: parseCondition('pid == 1') }, /perf cannot compare pid/],
    ['d', { ...trace, condition: parseCondition('domain ~ "*a"') }, /DTrace cannot compare with other wildcards/],
    [
      'bpftrace',
      { ...trace, condition: parseCondition('domain ~ "a?"') },
      /bpftrace cannot compare with other wildcards/,
    ],
    [
      'bpftrace',
      { ...trace, condition: parseCondition(`domain == "${'x'.repeat(197)}"`) },
      /compare with so long a text/,
    ],
    ['bpftrace', { ...count, by: ['data'], condition: undefined }, /bpftrace cannot read a bytes/],
  ];
  const conditions: [condition: string, bpftrace: string, d: string, stap: string][] = [
    ['port < 0', '(int64)arg3 < 0', '(int32_t)arg3 < 0', '$arg4 < 0'],
    ['port > 1.5', '(int64)arg3 > 1', '(int32_t)arg3 > 1', '$arg4 > 1'],
    ['ns >= -1', '1', '1 == 1', '1 == 1'],
    ['ns < 5', '(uint64)arg1 < 5', '(uint64_t)arg1 < 5', '($arg2 >= 0 && $arg2 < 5)'],
    ['ns == 5', '(uint64)arg1 == 5', '(uint64_t)arg1 == 5', '$arg2 == 5'],
    [
      'ns > 18446744073709551614',
      '(uint64)arg1 > 18446744073709551614',
      '(uint64_t)arg1 > 18446744073709551614ULL',
      '($arg2 < 0 && $arg2 > -2)',
    ],
    ['domain != "\t"', 'str(arg2) != "\\t"', 'copyinstr(arg2) != "\\t"', 'user_string($arg3) != "\\t"'],
    [
      'domain ~ "a.*"',
      'strncmp(str(arg2), "a.", 2) == 0',
      'substr(copyinstr(arg2), 0, 2) == "a."',
      'user_string($arg3) =~ "^a\\\\.(.|\\n)*$"',
    ],
    ['tid == 7', 'tid == 7', 'tid == 7', 'tid() == 7'],
  ];
  for (const [condition, bpftrace, d, stap] of conditions) {
    it(`have the condition ${condition}`, () => {
      const question = { ...trace, condition: parseCondition(condition) };
      assert.match(bpftraceScript(question), new RegExp(`^/${escapeRegExp(bpftrace)}/$`, 'm'));
      assert.match(dScript(question), new RegExp(`^/${escapeRegExp(d)}/$`, 'm'));
      assert.match(stapScript(question), new RegExp(`^  if \\(!\\(${escapeRegExp(stap)}\\)\\) next$`, 'm'));
    });
  }

  it('take one process of a pid namespace by -p', () => {
    const script = bpftraceScript({ ...trace, pids: [2] }, true);
    assert.match(script, /bpftrace -p 2 FILE$/m);
    assert.doesNotMatch(script, /pid == /);
    assert.throws(() => bpftraceScript({ ...trace, pids: [2, 3] }, true), /cannot take several processes/);
  });

  it('tell probes apart that two providers have', () => {
    const other = { ...done, provider: 'lmtp' };
    const question: Scripted = { ...count, by: [], selections: [{ object, probes: [done, other] }] };
    assert.match(bpftraceScript(question), /@smtp__delivery__done = [\s\S]*@lmtp__delivery__done = /);
    assert.match(dScript(question), /@smtp__delivery__done = [\s\S]*@lmtp__delivery__done = /);
    assert.match(stapScript(question), /^global smtp__delivery__done, lmtp__delivery__done$/m);
  });

  for (const [tool, question, message] of impossible) {
    it(`are refused where ${tool} cannot say it: ${message.source}`, () => {
      assert.throws(() => WRITERS[tool](question), message);
    });
  }
});

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&');
}
