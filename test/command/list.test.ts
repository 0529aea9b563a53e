// `sonde list`: the processes that have probes, the probes, and who is traced.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sonde, sondeJson, startSonde, tracing } from '../support/command.js';
import { useScene } from '../support/scene.js';
import { asUser, cannotTest, needsOtherUser, needsRoot, needsTools, OTHER_USER } from '../support/tools.js';

interface Listed {
  processes: {
    pid: number;
    command: string[];
    uid: number;
    container?: string;
    objects: {
      path: string;
      probes: {
        provider: string;
        name: string;
        key?: string;
        arguments: { name: string; type: string }[];
        traced?: boolean;
      }[];
    }[];
  }[];
  hidden: number;
}

describe('sonde list', function () {
  this.timeout(60_000);
  const scene = useScene();
  before(function () {
    if (process.platform !== 'linux') cannotTest(this, `it reads /proc, and this is ${process.platform}`);
  });

  for (const backend of ['systemtap', 'ebpf']) {
    it(`shows a process, its probes and their arguments, on ${backend}`, async () => {
      const program = await scene.current.program({ SONDE_BACKEND: backend });
      const { processes } = sondeJson<Listed>('list', String(program.pid));
      assert.equal(processes.length, 1);
      const [{ pid, command, uid, objects }] = processes as [Listed['processes'][0]];
      assert.deepEqual(
        [pid, uid, command.at(-1)?.endsWith('traced-program.js')],
        [program.pid, process.getuid!(), true],
      );
      const smtp = objects.flatMap(({ probes }) => probes).filter(({ provider }) => provider === 'smtp');
      assert.deepEqual(
        smtp.map(({ name, key, arguments: list }) => [
          name,
          key,
          list.map((each) => `${each.type} ${each.name}`).join(', '),
        ]),
        [
          ['session__start', 'sessionStart', 'string peer, int32 port'],
          ['session__done', 'sessionDone', 'string peer, uint64 bytes, int32 ok'],
        ],
      );
      const mixed = objects.flatMap(({ probes }) => probes).find(({ name }) => name === 'mixed')!;
      assert.equal(
        mixed.arguments.map(({ type }) => type).join(),
        'int8,uint8,int16,uint16,boolean,string,bytes,uint64,int32,uint64,json,int64',
      );
    });
  }

  it('shows each process once, and what two have in common once', async () => {
    const programs = [await scene.current.program(), await scene.current.program()];
    const { stdout } = sonde('list', 'traced-program.js', 'smtp');
    for (const { pid } of programs) {
      const rows = stdout.split('\n').filter((line) => new RegExp(`^ *${pid} .* smtp +2 +-$`).test(line));
      assert.equal(rows.length, 1, stdout);
    }
    assert.equal(
      stdout
        .split('\n')
        .filter(
          (line) =>
            line === execFileSync('realpath', [`${scene.current.objects}/smtp.so`], { encoding: 'utf8' }).trim(),
        ).length,
      1,
    );
  });

  it('shows what another user runs to that user, whatever the path', async function () {
    needsOtherUser(this);
    const folder = await mkdtemp(join(tmpdir(), 'sonde test '));
    scene.current.defer(() => rm(folder, { recursive: true }));
    await chown(folder, OTHER_USER, OTHER_USER);
    const through = asUser(OTHER_USER);
    const program = await scene.current.program({ SONDE_DIR: join(folder, 'objects') }, { through });
    const command = startSonde(scene.current, ['list', String(program.pid), 'smtp'], through);
    assert.match(await command.end(), new RegExp(`^ *${program.pid} .* smtp +2 +-$`, 'm'));
  });

  it('shows who is traced', async function () {
    needsRoot(this);
    const program = await scene.current.program();
    await tracing(scene.current, 'trace', 'smtp:session-start', '-p', String(program.pid));
    const traced = () =>
      sondeJson<Listed>('list', String(program.pid), 'smtp').processes[0]!.objects.flatMap(({ probes }) =>
        probes.filter((probe) => probe.traced).map(({ name }) => name),
      );
    assert.deepEqual(traced(), ['session__start']);
    assert.match(sonde('list', String(program.pid), 'smtp').stdout, /● smtp:session__start/);
  });

  it('shows the probes of a file', function () {
    needsTools(this, 'gcc');
    const library = execFileSync('gcc', ['-print-file-name=libstdc++.so.6'], { encoding: 'utf8' }).trim();
    const { stdout, status } = sonde('list', library, 'libstdcxx');
    assert.equal(status, 0);
    assert.match(stdout, /libstdcxx:throw\(uint64 arg0, uint64 arg1\)/);
    const notes = sonde('list', process.execPath);
    assert.deepEqual([notes.status, notes.stdout], [3, '']);
    assert.match(notes.stderr, /holds no probes$/m);
    const text = sonde('list', '/etc/passwd');
    assert.equal(text.status, 1);
    assert.match(text.stderr, /^sonde: \/etc\/passwd cannot be read: not an ELF file/);
  });

  it('says what is not there', () => {
    const none = sonde('list', 'no such command line');
    assert.equal(none.status, 3);
    assert.match(none.stderr, /^sonde: no process matches "no such command line"; sonde list without a target/);
    assert.equal(sonde('list', '999999999').stderr, 'sonde: there is no process 999999999\n');
    assert.match(sonde('list', '').stderr, /^sonde: the target is empty/);
    assert.match(sonde('list', 'container:').stderr, /^sonde: container: names none/);
  });

  it('keeps a command line from acting on the terminal', async () => {
    const program = await scene.current.program({}, { execArgv: ['--title=\u001b[31mred'] });
    const { stdout } = sonde('list', String(program.pid));
    assert.ok(!stdout.includes('\u001b'), JSON.stringify(stdout));
  });
});
