// The engine dtrace, and what subcommands do on other systems than Linux, without any: what dtrace
// prints there is printed by a program in its place. DTrace for Linux runs in test/vm.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { COMMAND } from '../support/command.js';
import { useScene } from '../support/scene.js';
import type { Tracer } from '../support/tracer.js';

const FAKE = fileURLToPath(new URL('../fixtures/fake-dtrace.js', import.meta.url));
const PLATFORM = new URL('../fixtures/other-platform.js', import.meta.url).href;

describe('sonde on other systems', () => {
  const scene = useScene();

  for (const platform of ['sunos', 'darwin', 'freebsd']) {
    it(`lists what DTrace lists, on ${platform}`, async () => {
      const { processes } = JSON.parse(await start(['list', String(process.pid), '--json'], { platform }).end());
      assert.deepEqual(
        processes.map(({ pid, objects }: { pid: number; objects: object[] }) => [pid, objects]),
        [
          [
            process.pid,
            [
              {
                path: `smtp${process.pid}:mailserver`,
                probes: [
                  {
                    provider: 'smtp',
                    name: 'session__start',
                    arguments: [
                      { name: 'arg0', type: 'string' },
                      { name: 'arg1', type: 'int32' },
                    ],
                  },
                ],
              },
            ],
          ],
        ],
      );
    });
  }

  it('traces in the order of time, and tells what is lost', async () => {
    const command = start(['trace', 'smtp:sessionStart', '--json']);
    await command.shows(/third/);
    command.signal('SIGINT');
    const output = await command.end();
    const events = output.split('\n').filter((line) => line.startsWith('{"time"'));
    assert.deepEqual(
      events.map((line) => JSON.parse(line).arguments),
      [
        { arg0: 'first\n"', arg1: 2 ** 31 - 1 },
        { arg0: '', arg1: 0 },
        { arg0: 'third', arg1: -1 },
      ],
    );
    assert.match(output, /^sonde: 12 events were lost: they came faster than they could be read$/m);
    assert.match(output, /^sonde: 1 events were lost: an argument of theirs could not be read$/m);
    assert.match(output, /^\{"lost":\{"noRoom":12,"tooLong":0,"unreadable":1\}\}$/m);
    assert.ok(existsSync(ended()));
  });

  it('counts in the kernel', async () => {
    const command = start(['count', 'session-start', '--by', 'arg0,arg1', '--json']);
    await command.shows(/^sonde: counting 1 probe /m);
    command.signal('SIGINT');
    const { groups, losses } = JSON.parse(/^\{"total".*$/m.exec(await command.end())![0]);
    assert.deepEqual(
      groups.map(({ by, count }: { by: object; count: number }) => [by, count]),
      [
        [{ arg0: '', arg1: 1 }, 3],
        [{ arg0: 'ä', arg1: -1 }, 2],
      ],
    );
    assert.deepEqual(losses, []);
  });

  it('ends dtrace when the command is killed', async () => {
    const command = start(['trace', 'smtp:*']);
    await command.shows(/^sonde: tracing 1 probe /m);
    command.signal('SIGKILL');
    for (const until = performance.now() + 10_000; !existsSync(ended()) && performance.now() < until; ) {
      await setTimeout(50);
    }
    assert.ok(existsSync(ended()));
  });

  const refusals: [what: string, args: string[], environment: Record<string, string>, message: RegExp][] = [
    ['without the right to trace', ['list'], { FAKE_REFUSES: '1' }, /^sonde: dtrace does not list: dtrace needs root/m],
    ['without dtrace', ['list'], { PATH: '/nowhere' }, /^sonde: dtrace is not installed$/m],
    ['for flame', ['flame', '4711'], {}, /perf, which is Linux's.*dtrace -x .*profile-99 \/pid == 4711\/ /],
    [
      'for another engine',
      ['list', '--engine', 'gdb'],
      {},
      /^sonde: --engine is "gdb"; give dtrace, or leave it out$/m,
    ],
    ['for arguments that D cannot read', ['trace', 'smtp:*', '-w', 'domain == "x"'], {}, /has arg0, arg1$/m],
  ];
  for (const [what, args, environment, message] of refusals) {
    it(`says what is missing ${what}`, async () => {
      assert.match(await start(args, environment).end(), message);
    });
  }

  it('prints what it would run, which runs', async () => {
    const printed = await start(['count', 'smtp:*', '--by', 'arg0', '-w', 'arg1 > 0', '--dry-run']).end();
    assert.match(printed, /^dtrace -Z -n '#pragma D option quiet$/m);
    const ran = start([], {}, ['sh', '-c', `exec ${printed}`]);
    await ran.shows(/begin/);
    ran.signal('SIGTERM');
    assert.match(await ran.end(), /count<\w+>0<\w+>ä</);
  });

  it('says in doctor whether DTrace works', async () => {
    assert.match(await start(['doctor']).end(), /✔ dtrace lists probes: [\s\S]* ✔ trace +works by DTrace/);
    assert.match(
      await start(['doctor'], { FAKE_REFUSES: '1' }).end(),
      /✘ dtrace does not list probes: [\s\S]* ✘ trace +needs DTrace/,
    );
  });

  const ended = () => join(scene.current.folder, 'ended');

  function start(
    args: readonly string[],
    { platform = 'sunos', ...environment }: Record<string, string> = {},
    [command, ...own]: string[] = [process.execPath, '--import', PLATFORM, COMMAND],
  ): Tracer {
    const folder = join(scene.current.folder, 'bin');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'dtrace'), `#!/bin/sh\nexec '${process.execPath}' '${FAKE}' "$@"\n`, { mode: 0o755 });
    return scene.current.tracer(command!, [...own, ...args], {
      SONDE_TEST_PLATFORM: platform!,
      FAKE_PID: String(process.pid),
      FAKE_ENDED: ended(),
      PATH: `${folder}:${process.env.PATH}`,
      ...environment,
    });
  }
});
