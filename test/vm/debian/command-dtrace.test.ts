// The `sonde` command, by its engine dtrace: what it does on illumos, macOS and FreeBSD, here by DTrace
// for Linux.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMAND } from '../../support/command.js';
import { DTRACE, useDaemon } from '../../support/dtrace.js';
import { useScene } from '../../support/scene.js';
import type { TracedProgram } from '../../support/traced-program.js';
import { run, type Tracer } from '../../support/tracer.js';

/** As a terminal would show it, were it not escaped. */
const TEXT = 'a\n"b"\\ \x1b[31m naïve 😀';

describe('sonde --engine dtrace', function () {
  this.timeout(240_000);
  const scene = useScene();
  useDaemon();

  it('lists what DTrace lists, and traces two processes; values are exact, and nothing is left when it is killed', async () => {
    const [one, other] = [await start(), await start()];
    const { processes } = JSON.parse(await run(process.execPath, sonde('list', '--json'), environment()));
    const listed = (processes as Listed[]).map(({ pid, objects }) => [
      pid,
      objects
        .flatMap(({ probes }) => probes)
        .filter(({ provider, name }) => provider === 'smtp' && name === 'session__done')
        .map(({ arguments: list }) => list.map(({ name, type }) => `${type} ${name}`).join(', ')),
    ]);
    assert.deepEqual(
      listed.sort(),
      [one, other].map(({ pid }) => [pid, ['string arg0, uint64 arg1, int32 arg2']]).sort(),
    );

    // The first part is D's, the second is not.
    const condition = 'arg2 != 0 && (arg0 ~ "*na?ve*" || arg0 == "")';
    const command = startSonde('trace', 'smtp:session-done', '--where', condition, '--json');
    await command.shows(/^sonde: tracing 1 probe /m);
    for (const program of [one, other]) {
      await program.call('fire', 'smtp.sessionDone', TEXT, 2n ** 64n - 1n, -(2 ** 31));
      await program.call('fire', 'smtp.sessionDone', '', 2n ** 53n + 1n, 2 ** 31 - 1);
      await program.call('fire', 'smtp.sessionDone', TEXT, 1n, 0);
      await program.call('fire', 'smtp.sessionDone', 'another', 1n, 1);
    }
    await command.shows(new RegExp(`(?:"pid":${other.pid}[^]*){2}\n`));
    command.signal('SIGKILL');
    const events = (await command.end()).split('\n').filter((line) => line.startsWith('{'));
    assert.deepEqual(
      events.map((line) => line.replace(/^.*?"pid":/, '"pid":')),
      [one, other].flatMap(({ pid }) =>
        [
          [JSON.stringify(TEXT), 2n ** 64n - 1n, -(2 ** 31)],
          ['""', 2n ** 53n + 1n, 2 ** 31 - 1],
        ].map(
          ([text, whole, number]) =>
            `"pid":${pid},"tid":${pid},"provider":"smtp","probe":"session__done","arguments":{"arg0":${text},"arg1":${whole},"arg2":${number}}}`,
        ),
      ),
    );
    // The clock of the events is the one of the day.
    const time = Date.parse(JSON.parse(events[0]!).time);
    assert.ok(Math.abs(Date.now() - time) < 60_000, events[0]);
    await one.until(false, 'smtp.sessionDone');
    await untilNothingIsLeft();
  });

  it('counts in the kernel, and makes histograms, of a process that has SDT notes', async () => {
    const program = await start('systemtap');
    const ask = async (...args: string[]) => {
      const command = startSonde(...args, '-p', String(program.pid), '--json');
      await command.shows(/^sonde: counting 1 probe /m);
      return command;
    };
    const counting = await ask('count', 'smtp:session-start', '--by', 'peer,port');
    const fired: [string, number][] = [
      [TEXT, -1],
      ['x'.repeat(300), 1],
      ['', -1],
      [TEXT, -1],
    ];
    for (const [peer, port] of fired) await program.call('fire', 'smtp.sessionStart', peer, port);
    const { groups, losses } = total(await ended(counting));
    assert.deepEqual(
      groups.map(({ by, count }) => [by, count]),
      [
        [{ peer: TEXT, port: -1 }, 2],
        [{ peer: '', port: -1 }, 1],
        [{ peer: 'x'.repeat(300), port: 1 }, 1],
      ],
    );
    assert.deepEqual(losses, []);

    const measuring = await ask('hist', 'smtp:session-done.bytes', '-w', 'ok > -1');
    for (const bytes of [0n, 1n, 6n, 7n, 2n ** 63n, 2n ** 64n - 1n]) {
      await program.call('fire', 'smtp.sessionDone', 'x', bytes, 1);
      await program.call('fire', 'smtp.sessionDone', 'x', bytes, -1);
    }
    const [histogram] = total(await ended(measuring)).groups;
    assert.deepEqual(
      histogram!.buckets!.map(({ from, count }) => [from, count]),
      [
        [0, 1],
        [1, 1],
        [4, 2],
        [2 ** 63, 2],
      ],
    );
    await program.until(false);
    assert.deepEqual(left(), []);
  });

  interface Listed {
    pid: number;
    objects: { probes: { provider: string; name: string; arguments: { name: string; type: string }[] }[] }[];
  }

  interface Total {
    groups: { by?: object; count: number; buckets?: { from: number; count: number }[] }[];
    losses: string[];
  }

  function total(output: string): Total {
    return JSON.parse(output.split('\n').find((line) => line.startsWith('{"total":true'))!);
  }

  function start(backend = 'dtrace'): Promise<TracedProgram> {
    return scene.current.program({ SONDE_BACKEND: backend });
  }

  const sonde = (...args: string[]) => [COMMAND, ...args, '--engine', 'dtrace'];
  const startSonde = (...args: string[]): Tracer =>
    scene.current.tracer(process.execPath, sonde(...args), environment());

  /** `dtrace` in PATH. */
  function environment(): Record<string, string> {
    const folder = join(scene.current.folder, 'bin');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'dtrace'), `#!/bin/sh\nexec ${DTRACE} dtrace "$@"\n`, { mode: 0o755 });
    return { PATH: `${folder}:${process.env.PATH}` };
  }
});

/** Ends it as Ctrl+C does: dtrace gets the time that it takes here. */
function ended(command: Tracer): Promise<string> {
  command.signal('SIGINT');
  return command.end();
}

/** What dtrace has in the kernel's tracer. */
function left(): string[] {
  return readFileSync('/sys/kernel/tracing/uprobe_events', 'utf8').match(/dt_\d+_\S+/g) ?? [];
}

async function untilNothingIsLeft(): Promise<void> {
  while (left().length > 0) await new Promise((resolve) => setTimeout(resolve, 100));
}
