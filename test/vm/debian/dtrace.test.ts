// DTrace for Linux sees the probes of the dtrace backend.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type Case, cases } from '../../fixtures/every-argument.js';
import { sonde } from '../../support/command.js';
import {
  attached,
  dtrace,
  dtraceScript,
  ended,
  list,
  print,
  probesIn,
  SHOW_START,
  useDaemon,
  version,
} from '../../support/dtrace.js';
import { nativeArguments, readBack } from '../../support/read-back.js';
import { useScene } from '../../support/scene.js';
import type { TracedProgram } from '../../support/traced-program.js';

/** D has names for no more. */
const NAMED = 10;

describe('DTrace for Linux', function () {
  this.timeout(240_000);
  const scene = useScene();
  useDaemon();

  before(async () => {
    // What Debian sid has moves on.
    console.log(`    ${await version()}`);
  });

  it('lists the probes as status tells them, in their module, with the C types of their arguments', async () => {
    const program = await start();
    const provider = `smtp${program.pid}`;
    const { providers } = await program.call('status');
    const smtp = providers.find(({ name }) => name === 'smtp')!;
    assert.equal(smtp.reason, undefined);
    assert.deepEqual(
      smtp.probes.map(({ tracer }) => tracer),
      [`${provider}:::session-start`, `${provider}:::session-done`],
    );
    const listed = await list([provider], '-v');
    assert.deepEqual(probesIn(listed).sort(), [
      [provider, '_sonde_test', 'session__done', 'session-done'],
      [provider, '_sonde_test', 'session__start', 'session-start'],
    ]);
    const [, described] = /session-start\n([\s\S]*?)(?=\n *\d+ |$)/.exec(listed)!;
    assert.deepEqual(described!.match(/args\[\d+\]: .*/g), ['args[0]: char *', 'args[1]: int32_t']);
  });

  it('shows what is fired, and by which process; the probe is enabled meanwhile', async () => {
    const [one, other] = [await start(), await start()];
    const tracer = dtrace(scene.current, `smtp*:::session-start ${SHOW_START}`);
    await attached(tracer, one, other);
    await one.call('fire', 'smtp.sessionStart', 'naïve 😀', 1);
    await other.call('fire', 'smtp.sessionStart', 'other', -2);
    await tracer.shows(new RegExp(`^${one.pid} naïve 😀 1$`, 'm'));
    await tracer.shows(new RegExp(`^${other.pid} other -2$`, 'm'));
    assert.equal(await one.call('enabled', 'smtp.sessionDone'), false, 'nobody asked for this one');
    await ended(tracer);
    for (const program of [one, other]) await program.until(false);
  });

  it('reads arg0 to arg9, in registers and on the stack', async () => {
    const program = await start();
    const fired = cases.filter(({ probe }) => probe.startsWith('mixed'));
    const actions = fired.map(({ probe, seen }) => {
      const digits = seen[nativeArguments(probe).findIndex(({ kind }) => kind === 'memory')] as string;
      const named = nativeArguments(probe).slice(0, NAMED);
      return `every${program.pid}:::${probe.replace('__', '-')} ${print(probe, named, digits.length / 2)}`;
    });
    const tracer = dtrace(scene.current, actions.join(' '));
    const read: string[] = [];
    for (const { probe, fired: values } of fired) {
      await program.until(true, `every.${probe}`);
      // The first ones may come before DTrace takes what is fired; hence more than one may be read.
      await tracer.hears(() => program.call('fire', `every.${probe}`, ...values), new RegExp(`<<${probe}\\|.*>>`));
      read.push(readBack(tracer.output).find((line) => line.startsWith(`${probe} |`))!);
    }
    assert.deepEqual(read, fired.map(expected));
    await ended(tracer);
  });

  it('counts what worker threads fire, through the registration of their process', async () => {
    const program = await start();
    const tracer = dtrace(
      scene.current,
      `smtp${program.pid}:::session-start /arg1 == -1/ ${SHOW_START}
       smtp${program.pid}:::session-start /arg1 != -1/ { @fires = count(); @ports = sum(arg1); }
       END { printa("fires %@d ", @fires); printa("ports %@d\\n", @ports); }`,
    );
    await attached(tracer, program);
    await Promise.all([program.call('runWorkers', 2, 2, 500), program.call('fireMany', 1000)]);
    // Each worker fires its own number, 0 and 1.
    assert.match(await ended(tracer), new RegExp(`^fires 2000 ports ${(1000 * 999) / 2 + 500}$`, 'm'));
    await program.until(false);
  });

  it('has no probes any more after unload, the end of the process, or its end by force', async () => {
    const programs = [await start(), await start(), await start(), await start()] as const;
    const [stays, unloads, ends, killed] = programs;
    const providers = async () => {
      const probes = probesIn(await list(['smtp*', 'every*']));
      return [...new Set(probes.map(([provider]) => provider!))].sort();
    };
    const of = (name: string, ...those: TracedProgram[]) => those.map(({ pid }) => `${name}${pid}`);
    assert.deepEqual(await providers(), [...of('smtp', ...programs), ...of('every', ...programs)].sort());
    await unloads.call('unload');
    assert.equal(await ends.end(), 0);
    await killed.kill();
    assert.deepEqual(await providers(), [...of('smtp', stays), ...of('every', stays, unloads)].sort());
  });

  it('sees the probes of the systemtap backend too, in a process that it is told', async () => {
    const program = await scene.current.program({ SONDE_BACKEND: 'systemtap' });
    const tracer = dtrace(scene.current, `smtp$target:::session-start ${SHOW_START}`, '-p', String(program.pid));
    await attached(tracer, program);
    await program.call('fire', 'smtp.sessionStart', 'by its notes', 25);
    await tracer.shows(new RegExp(`^${program.pid} by its notes 25$`, 'm'));
    await ended(tracer);
    await program.until(false);
  });

  const scripts: [kind: string, args: string[], look: (program: TracedProgram, output: string) => void][] = [
    [
      'trace',
      ['smtp:session-start', '-w', 'port < 0 && peer ~ "sh*"'],
      ({ pid }, output) => {
        const lines = output.split('\n').filter((line) => line.includes('smtp:'));
        assert.deepEqual(lines, Array(2).fill(`${pid} smtp:session__start peer=shown port=-1`));
      },
    ],
    [
      'count',
      ['smtp:session-start', '--by', 'peer,port', '-e', '1min'],
      (_, output) => {
        for (const [peer, port, count] of [
          ['shown', -1, 2],
          ['shown', 1, 1],
          ['other', -1, 1],
        ]) {
          assert.match(output, new RegExp(`^ +${peer} +${port} +${count}$`, 'm'));
        }
      },
    ],
    [
      'hist',
      ['smtp:session-start.port', '--by', 'peer', '-w', 'port > -1'],
      (_, output) => {
        assert.match(output, /^ +1 \|@+ +1 *$/m);
        assert.doesNotMatch(output, /^ +-1 \|@/m);
      },
    ],
  ];
  for (const [kind, args, look] of scripts) {
    it(`runs what sonde script ${kind} prints`, async () => {
      const program = await scene.current.program({ SONDE_BACKEND: 'systemtap' });
      const printed = sonde('script', kind, ...args, '--for', 'd', '-p', String(program.pid));
      assert.equal(printed.status, 0, printed.stderr);
      const path = join(scene.current.folder, 'script.d');
      writeFileSync(path, printed.stdout);
      // As its heading says.
      const tracer = dtraceScript(scene.current, path, '-p', String(program.pid));
      await program.until(true);
      // DTrace has put it there, and soon takes what is fired.
      await setTimeout(5000);
      const fired: [string, number][] = [
        ['shown', -1],
        ['shown', 1],
        ['other', -1],
        ['shown', -1],
      ];
      for (const [peer, port] of fired) await program.call('fire', 'smtp.sessionStart', peer, port);
      await setTimeout(2000);
      look(program, await ended(tracer));
    });
  }

  /** A program with the dtrace backend. */
  function start(): Promise<TracedProgram> {
    return scene.current.program({ SONDE_BACKEND: 'dtrace' });
  }
});

/** A case as far as D can read it. */
const expected = ({ probe, seen }: Case): string => [probe, ...seen.slice(0, NAMED)].join(' | ');
