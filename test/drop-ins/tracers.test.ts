// bpftrace sees what programs fire through the drop-ins, on both of Linux's own backends.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Status } from 'sonde';
import { tracedBackends } from '../support/backends.js';
import { bpftrace } from '../support/bpftrace.js';
import { environment } from '../support/run-node.js';
import { useScene } from '../support/scene.js';
import { needsRoot, needsTools } from '../support/tools.js';
import { run } from '../support/tracer.js';
import { COUNTS, seenOf, show } from './arguments.js';

const PROGRAM = fileURLToPath(new URL('program.js', import.meta.url));
/** As many arguments as any backend carries. */
const MOST = 12;
const ROUTE = /^GET_users_id_x[a-p]{12}$/;

describe('The drop-ins and bpftrace', function () {
  this.timeout(60_000);

  before(function () {
    needsTools(this, 'bpftrace');
    needsRoot(this);
  });

  for (const { backend, bpftrace: target } of tracedBackends) {
    describe(`on ${backend}`, () => {
      const scene = useScene();

      it('dtrace-provider: 0, 1, 6, 7, 12 and, of 32, the first 12 arguments; two probes of one name; one that came late', async () => {
        const { status } = await startProgram('@sonde/dtrace-provider');
        const [first, ...others] = status.providers;
        assert.deepEqual(
          first!.probes.map(({ name }) => name),
          [...COUNTS.map((count) => `with__${count}`), 'twice', 'removed'],
        );
        const at = (object: string, probe: string) => target(object, 'dropin', probe);
        const counts = COUNTS.map((count) => [`with__${count}`, Math.min(count, MOST)] as const);
        const [second, late] = others.map(({ location, probes }) => ({ location: location!, probe: probes[0]!.name }));
        assert.match(late!.probe, ROUTE);
        const tracer = bpftrace(
          scene.current,
          [
            ...counts.map(([probe, count]) => `${at(first!.location!, probe)} ${show(probe, count)}`),
            `${at(first!.location!, 'twice')} { printf("<first twice|%lld>\\n", arg0); }`,
            `${at(second!.location, second!.probe)} { printf("<second twice|%s>\\n", str(arg0)); }`,
            `${at(late!.location, late!.probe)} { printf("<late|%s>\\n", str(arg0)); }`,
            `${at(first!.location!, 'removed')} { printf("<removed>\\n"); }`,
          ].join('\n'),
        );
        for (const [probe, count] of counts) await tracer.shows(literally([probe, ...seenOf(count)]));
        await tracer.shows(literally(['first twice', '1']));
        await tracer.shows(literally(['second twice', 'two']));
        await tracer.shows(literally(['late', 'late']));
        assert.doesNotMatch(await tracer.stop(), /<removed/);
      });

      it('usdt: 0, 1, 6 arguments and, of more, the first 6', async () => {
        const { status } = await startProgram('@sonde/usdt');
        const { location } = status.providers[0]!;
        const tracer = bpftrace(
          scene.current,
          COUNTS.map(
            (count) => `${target(location!, 'dropin', `with__${count}`)} ${show(`${count}`, Math.min(count, 6))}`,
          ).join('\n'),
        );
        for (const count of COUNTS) await tracer.shows(literally([`${count}`, ...seenOf(Math.min(count, 6))]));
        await tracer.stop();
      });

      it('traces worker threads and processes that start later, by the path of one', async () => {
        const { program, status } = await startProgram('@sonde/dtrace-provider');
        const { location, probes } = status.providers.at(-1)!;
        const tracer = bpftrace(
          scene.current,
          `${target(location!, 'dropin', probes[0]!.name)} { printf("<%d|%s>\\n", pid, str(arg0)); }`,
        );
        await tracer.shows(literally([`${program.pid}`, 'late']));
        const { program: next } = await startProgram('@sonde/dtrace-provider', 2);
        await tracer.shows(literally([`${next.pid}`, 'late in a worker']));
        await tracer.stop();
      });

      async function startProgram(name: string, workers = 0) {
        const program = spawn(process.execPath, [PROGRAM, name, `${workers}`], {
          env: environment(scene.current, { SONDE_BACKEND: backend }),
          stdio: ['pipe', 'pipe', 'inherit'],
        });
        scene.current.defer(async () => {
          program.stdin.end();
          assert.deepEqual(program.exitCode === null ? await once(program, 'exit') : [program.exitCode, null], [
            0,
            null,
          ]);
        });
        const [line] = await once(program.stdout, 'data');
        return { program, status: JSON.parse(String(line)) as Status };
      }

      if (backend === 'systemtap') {
        it('are listed, with the names of the process', async () => {
          const { program, status } = await startProgram('@sonde/dtrace-provider');
          const listed = await run('bpftrace', ['-l', 'usdt:*:dropin:*', '-p', `${program.pid}`]);
          const probes = status.providers.flatMap(({ probes }) => probes.map(({ name }) => name)).sort();
          const names = listed
            .trim()
            .split('\n')
            .map((line) => line.replace(/^.*:/, ''));
          assert.deepEqual([...new Set(names)].sort(), [...new Set(probes)]);
        });
      }
    });
  }
});

/** A line of `show`. */
function literally(parts: string[]): RegExp {
  return new RegExp(`^<${parts.join('|').replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}>$`, 'm');
}
