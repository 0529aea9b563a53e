// User events as the kernel, perf and bpftrace have them.
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProviderStatus } from '@sonde/core';
import { type Case, cases, type EveryProbe, expected } from '../../fixtures/every-argument.js';
import * as forBpftrace from '../../support/bpftrace.js';
import { record } from '../../support/perf.js';
import { nativeArguments } from '../../support/read-back.js';
import { useScene } from '../../support/scene.js';
import { assertWithin } from '../../support/time.js';
import { needsRoot, needsTools } from '../../support/tools.js';
import type { TracedProgram } from '../../support/traced-program.js';
import { run } from '../../support/tracer.js';
import { type Recorded, readFormat, readMemory, UserEventTrace } from '../../support/user-events.js';

const TRACEFS = '/sys/kernel/tracing';
const START = 'smtp_session__start';

describe('User events', function () {
  this.timeout(240_000);
  const scene = useScene();

  before(function () {
    needsRoot(this);
    needsTools(this, 'perf', 'bpftrace');
  });

  it('are what status tells, beside a function to set a uprobe on', async () => {
    const program = await start();
    const { reason, location, probes } = await smtp(program);
    assert.equal(reason, undefined);
    assert.deepEqual(
      probes.map(({ tracer, event }) => [tracer, event]),
      ['smtp_session__start', 'smtp_session__done'].map((name) => [
        `uprobe:${location}:${name}`,
        `tracepoint:user_events:${name}`,
      ]),
    );
  });

  it('have fields with the names of the arguments, typed and in places that C gives them', async () => {
    await start();
    assert.deepEqual(
      readFormat(START).fields.map(({ type, name, offset, size, signed }) => [type, name, offset, size, signed]),
      [
        ['__data_loc char[]', 'peer', 8, 4, true],
        ['int', 'port', 12, 4, true],
      ],
    );
    const types = ['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'boolean'] as const;
    assert.deepEqual(
      types.map((type) => {
        const [first] = readFormat(`every_${type}`).fields;
        return [type, first!.type, first!.size, first!.signed];
      }),
      [
        // Four bytes for the two: perf shows narrower ones without their sign.
        ['int8', 'int', 4, true],
        ['int16', 'int', 4, true],
        ['int32', 'int', 4, true],
        ['int64', 's64', 8, true],
        ['uint8', 'unsigned char', 1, false],
        ['uint16', 'unsigned short', 2, false],
        ['uint32', 'unsigned int', 4, false],
        ['uint64', 'u64', 8, false],
        ['boolean', 'unsigned char', 1, false],
      ],
    );
    for (const probe of ['mixed', 'mixed__reversed']) {
      let end = 8;
      for (const { offset, size } of readFormat(`every_${probe}`).fields) {
        assert.equal(offset, end, 'no gap');
        assert.equal(offset % size, 0, 'aligned');
        end += size;
      }
    }
    assert.deepEqual(readFormat('every_last').fields, []);
  });

  it('are recorded by the kernel with each value exact, at the extremes of each type', async () => {
    const program = await start();
    const trace = traced();
    const read: string[] = [];
    for (const probe of probesOf(cases)) trace.enableUserEvent(`every_${probe}`, true);
    for (const one of cases) {
      await program.call('fire', `every.${one.probe}`, ...one.fired);
      for (const recorded of trace.take(`every_${one.probe}`)) read.push(show(program, one.probe, recorded));
    }
    for (const probe of probesOf(cases)) trace.enableUserEvent(`every_${probe}`, false);
    assert.deepEqual(read, cases.map(expected));
  });

  it("are shown by the kernel's trace", async () => {
    const program = await start();
    const trace = traced();
    trace.enableUserEvent(START, true);
    await program.call('fire', 'smtp.sessionStart', 'naïve 😀', -1);
    assert.deepEqual(trace.read(), [`${START}: peer=naïve 😀 port=0xffffffff (-1)`]);
    trace.enableUserEvent(START, false);
  });

  it('enable and disable the probe within 100 ms, through tracefs', async () => {
    const program = await start();
    const trace = traced();
    for (let round = 0; round < 3; round++) {
      for (const on of [true, false]) {
        trace.enableUserEvent(START, on);
        const changed = process.hrtime.bigint();
        assertWithin(100, changed, await program.until(on));
      }
    }
  });

  it('are recorded by perf, on all processors, with each value exact', async () => {
    const program = await start();
    const fired = cases.filter(({ probe }) => probe !== 'bytes' && !probe.startsWith('mixed'));
    const events = probesOf(fired).map((probe) => `user_events:every_${probe}`);
    const shown = await record(scene.current, events.join(), undefined, async () => {
      await program.pin();
      for (const { probe, fired: values } of fired) await program.call('fire', `every.${probe}`, ...values);
    });
    // In the event's order, which is the arguments' here: all have the same size.
    assert.deepEqual(
      shown,
      fired.map(({ probe, seen }) => {
        const values = nativeArguments(probe).map(({ name }, index) => ` ${name}=${seen[index]}`);
        return `user_events:every_${probe}:${values.join('')}`;
      }),
    );
    assert.equal(await program.call('enabled', 'every.int8'), false);
  });

  it('take part with uprobes on the same probes, each tracer for itself', async () => {
    const program = await start();
    const trace = traced();
    const object = await program.object();
    const tracer = forBpftrace.bpftrace(
      scene.current,
      `uprobe:${object}:${START} { printf("%d %s %d\\n", pid, str(args->peer), args->port); }`,
    );
    await forBpftrace.attached(tracer, program);
    trace.enableUserEvent(START, true);
    await program.call('fire', 'smtp.sessionStart', 'both', 1);
    await tracer.shows(new RegExp(`^${program.pid} both 1$`, 'm'));
    await tracer.stop();
    assert.equal(await program.call('enabled', 'smtp.sessionStart'), true, 'the event is still traced');
    await program.call('fire', 'smtp.sessionStart', 'event', 2);
    trace.enableUserEvent(START, false);
    await program.until(false);
    await program.call('fire', 'smtp.sessionStart', 'nobody', 3);
    const seen = trace.take(START).map((recorded) => [String(recorded.get('peer')), recorded.get('port')]);
    assert.deepEqual(seen, [
      ['both', 1n],
      ['event', 2n],
    ]);
  });

  it('are enabled by bpftrace, for which the kernel runs no program: hence the uprobes', async () => {
    const program = await start();
    const tracer = forBpftrace.bpftrace(
      scene.current,
      `tracepoint:user_events:${START} { @[str(args->peer), args->port] = count(); }`,
    );
    await program.until(true);
    // What it compiled for the fields was loaded and attached by then.
    await tracer.shows(/Attaching/);
    await program.call('fireMany', 100);
    const output = await tracer.stop();
    await program.until(false);
    assert.doesNotMatch(output, /@\[/, 'the kernel runs BPF programs for user events by now: tell it in the docs');
  });

  it('are one event for two processes and a worker, and none is lost', async () => {
    const [one, other] = [await start(), await start()];
    const trace = traced();
    trace.enableUserEvent(START, true);
    await Promise.all([one.call('fireMany', 4000), other.call('fireMany', 4000), one.call('runWorkers', 1, 1, 2000)]);
    trace.enableUserEvent(START, false);
    const ports = trace.take(START).map((recorded) => Number(recorded.get('port')));
    assert.equal(ports.length, 10_000);
    const sum = (4000 * 3999) / 2;
    // The worker fires its own number, which is 0.
    assert.equal(
      ports.reduce((total, port) => total + port, 0),
      2 * sum,
    );
  });

  it('stay enabled until the last of several tracers leaves', async () => {
    const program = await start();
    const [trace, other] = [traced('one'), traced('other')];
    trace.enableUserEvent(START, true);
    other.enableUserEvent(START, true);
    await program.call('fire', 'smtp.sessionStart', 'both', 1);
    trace.enableUserEvent(START, false);
    assert.equal(await program.call('enabled', 'smtp.sessionStart'), true);
    await program.call('fire', 'smtp.sessionStart', 'other', 2);
    other.enableUserEvent(START, false);
    assert.equal(await program.call('enabled', 'smtp.sessionStart'), false);
    assert.deepEqual([trace.take(START).length, other.take(START).length], [1, 2]);
  });

  it('go when the provider is unloaded, and stay for the others', async () => {
    const [one, other] = [await start(), await start()];
    const trace = traced();
    await one.call('unload');
    trace.enableUserEvent(START, true);
    assert.equal(await one.call('enabled', 'smtp.sessionStart'), false);
    assert.equal(await other.call('enabled', 'smtp.sessionStart'), true);
    trace.enableUserEvent(START, false);
    await other.call('unload');
    await gone(START);
    assert.ok(existsSync(`${TRACEFS}/events/user_events/every_int8`), 'another provider keeps its own');
  });

  it('leave nothing behind when the process ends, or is killed while they are traced', async () => {
    const ends = await start();
    await ends.end();
    await gone(START);

    const killed = await start();
    const trace = traced();
    trace.enableUserEvent(START, true);
    await killed.call('fire', 'smtp.sessionStart', 'last words', 1);
    await killed.kill();
    // The tracer keeps it until it leaves; whoever comes meanwhile takes part.
    const next = await start();
    assert.equal(await next.call('enabled', 'smtp.sessionStart'), true);
    await next.call('fire', 'smtp.sessionStart', 'next', 2);
    assert.equal(trace.take(START).length, 2);
    await next.kill();
    trace.enableUserEvent(START, false);
    await gone(START);
  });

  it('leave out a provider of which another program has an event with other fields, and say so', async () => {
    const events = join(TRACEFS, 'dynamic_events');
    const foreign = `${START} u32 peer`;
    appendFileSync(events, `u:${foreign}\n`);
    scene.current.defer(() => appendFileSync(events, `-:${foreign}\n`));
    const program = await start();
    const { reason, probes, location } = await smtp(program);
    assert.match(
      reason!,
      /^no user events: something else has registered .* with other fields: .* \(smtp_session__start .*: Address already in use\)/,
    );
    assert.deepEqual(
      probes.map(({ tracer, event }) => [tracer, event]),
      ['smtp_session__start', 'smtp_session__done'].map((name) => [`uprobe:${location}:${name}`, undefined]),
    );
    assert.ok(!existsSync(`${TRACEFS}/events/user_events/smtp_session__done`), 'all of its events or none');
    assert.ok(existsSync(`${TRACEFS}/events/user_events/every_int8`));
    await program.call('fire', 'smtp.sessionStart', 'nobody', 1);
  });

  it('are left out, and the reason told, where the process may not register them', async () => {
    const program = fileURLToPath(new URL('../../fixtures/short-program.js', import.meta.url));
    // Still root, whose the program's folder may be, but held to files' modes as everyone is.
    const data = join(TRACEFS, 'user_events_data');
    const { mode } = statSync(data);
    chmodSync(data, 0);
    scene.current.defer(() => chmodSync(data, mode & 0o777));
    const bound = '--bounding-set=-dac_override,-dac_read_search';
    const output = await run('setpriv', [bound, 'sh', '-c', 'echo | "$0" "$1"', process.execPath, program], {
      SONDE_BACKEND: 'ebpf',
      SONDE_REQUIRE: '1',
      SONDE_DIR: scene.current.objects,
    });
    const { location, reason } = JSON.parse(output.replace('ready\n', ''));
    assert.match(reason, /^no user events: this process cannot write to .*user_events_data \(EACCES\)/);
    assert.match(location, /\.so$/, 'uprobes all the same');
  });

  /** A program with the ebpf backend. */
  function start(): Promise<TracedProgram> {
    return scene.current.program({ SONDE_BACKEND: 'ebpf' });
  }

  async function smtp(program: TracedProgram): Promise<ProviderStatus> {
    const { providers } = await program.call('status');
    return providers.find(({ name }) => name === 'smtp')!;
  }

  function traced(name = 'trace'): UserEventTrace {
    return new UserEventTrace(scene.current, `sonde-test-${process.pid}-${name}`);
  }

  /**
   * Waits until the kernel has removed an event: it does so a moment after the last who held it.
   */
  async function gone(event: string): Promise<void> {
    const names = () => readFileSync(`${TRACEFS}/user_events_status`, 'utf8');
    const deadline = Date.now() + 10_000;
    while (new RegExp(`^${event}\\b`, 'm').test(names())) {
      assert.ok(Date.now() < deadline, `${event} is still there:\n${names()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
});

const probesOf = (list: readonly Case[]): EveryProbe[] => [...new Set(list.map(({ probe }) => probe))];

/**
 * A recorded event as `expected` has it. Of memory it has the address: the program keeps what it
 * fired last.
 */
function show(program: TracedProgram, probe: EveryProbe, recorded: Recorded): string {
  const values = nativeArguments(probe).map(({ name, kind }) => {
    const value = recorded.get(name)!;
    if (kind !== 'memory') return String(value);
    return readMemory(program.pid, value as bigint, recorded.get(`${name}_length`) as bigint).toString('hex');
  });
  return [probe, ...values].join(' | ');
}
