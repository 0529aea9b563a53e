// One definition in all processes of a cluster: one probe object, and one attachment that sees them
// all.
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { COUNT_START } from '../support/bpftrace.js';
import { environment } from '../support/run-node.js';
import { useScene } from '../support/scene.js';
import { needsRoot, needsTools } from '../support/tools.js';
import type { Command, Member } from './cluster-program.js';

const WORKERS = 4;
const FIRES = 100;

describe('A cluster', function () {
  this.timeout(120_000);
  const scene = useScene();

  async function start(): Promise<ChildProcess> {
    const primary = fork(fileURLToPath(new URL('cluster-program.js', import.meta.url)), [String(WORKERS)], {
      env: environment(scene.current),
      execArgv: [],
    });
    // Its workers end when it is gone.
    scene.current.defer(() => primary.kill('SIGKILL'));
    await once(primary, 'message');
    return primary;
  }

  async function tell(primary: ChildProcess, command: Command): Promise<Member[]> {
    const answer = once(primary, 'message');
    primary.send(command);
    return (await answer)[0];
  }

  async function end(primary: ChildProcess): Promise<void> {
    const exit = once(primary, 'exit');
    primary.disconnect();
    assert.deepEqual(await exit, [0, null]);
  }

  it('has one probe object', async () => {
    const primary = await start();
    const members = await tell(primary, { name: 'fire', times: FIRES });
    assert.equal(new Set(members.map(({ pid }) => pid)).size, 1 + WORKERS);
    const [{ location }] = members as [Member];
    assert.ok(location.startsWith(scene.current.objects));
    for (const member of members) assert.deepEqual(member, { pid: member.pid, location, enabled: false });
    await end(primary);
  });

  describe('traced', () => {
    before(function () {
      needsTools(this, 'bpftrace');
      needsRoot(this);
    });

    it('is seen whole by one attachment', async () => {
      const primary = await start();
      const [{ location }] = (await tell(primary, { name: 'status' })) as [Member];
      const tracer = scene.current.tracer('bpftrace', ['-e', `usdt:${location}:smtp:session__start ${COUNT_START}`]);
      await tracer.hears(() => tell(primary, { name: 'knock' }), /^\d+ knock/m);
      const members = await tell(primary, { name: 'fire', times: FIRES });
      assert.ok(members.every(({ enabled }) => enabled));
      const output = await tracer.stop();
      const fires = Object.fromEntries(
        [...output.matchAll(/^@fires\[(\d+)\]: (\d+)$/gm)].map(([, pid, n]) => [pid, Number(n)]),
      );
      assert.deepEqual(fires, Object.fromEntries(members.map(({ pid }) => [pid, FIRES])));
      await end(primary);
    });
  });
});
