// `sonde doctor`: what it finds wrong where something is wrong, and that nothing is where nothing is.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMAND, sonde, tracing } from '../support/command.js';
import { Gdb } from '../support/gdb.js';
import { useScene } from '../support/scene.js';
import { asUser, needsOtherUser, needsRoot, needsTools, OTHER_USER } from '../support/tools.js';
import { TracedProgram } from '../support/traced-program.js';

interface Finding {
  id: string;
  state: 'good' | 'limited' | 'bad';
  fact: string;
  meaning?: string;
  remedy?: string;
}

interface Told {
  works: boolean;
  sections: { title: string; findings: Finding[] }[];
  subcommands: { name: string; state: string; what: string; asRoot?: string }[];
}

interface Examined extends Told {
  status: number | null;
  /** Of the machine or, if there is one, of the process. */
  of(section: RegExp): (id: string) => Finding | undefined;
}

/** As this version of Node.js calls it. */
const PERMISSION = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission';

describe('sonde doctor', function () {
  this.timeout(60_000);
  const scene = useScene();
  before(function () {
    needsRoot(this);
    needsTools(this, 'unshare', 'mount');
  });

  it('finds nothing wrong with what root has here, and judges every subcommand', () => {
    const told = doctor();
    assert.equal(told.status, 0);
    assert.equal(told.works, true);
    const bad = told.sections.flatMap(({ findings }) => findings.filter(({ state }) => state === 'bad'));
    assert.deepEqual(bad, []);
    const commands = [...sonde('--help').stdout.matchAll(/^ {2}([a-z]\w+)/gm)].map(([, name]) => name!);
    assert.deepEqual(
      told.subcommands.map(({ name }) => name),
      commands.filter((name) => name !== 'help' && name !== 'sonde'),
    );
    const { status, stdout } = sonde('doctor');
    assert.equal(status, 0);
    assert.match(stdout, /^Permissions\n {2}✔ This user is root\.\n/);
    assert.match(stdout, /\nWhat works as root\n {2}✔ list +works, for processes of all users\n/);
  });

  describe('as another user', () => {
    before(function () {
      needsOtherUser(this);
    });

    it('says what is missing, what still works, and what root would add', () => {
      const { status, of, subcommands } = doctor([], { through: asUser(OTHER_USER) });
      assert.equal(status, 4);
      assert.match(of(/Permissions/)('user')!.remedy!, /sudo/);
      for (const id of ['cap_sys_admin', 'cap_perfmon', 'cap_bpf', 'cap_sys_ptrace']) {
        assert.equal(of(/Permissions/)(id)!.state, 'bad', id);
      }
      assert.equal(of(/Kernel/)('tracefs')!.state, 'good');
      assert.equal(of(/Kernel/)('tracefs-readable')!.state, 'bad');
      const { list, trace } = Object.fromEntries(subcommands.map((each) => [each.name, each]));
      assert.deepEqual([list!.state, list!.asRoot], ['limited', 'processes of other users']);
      assert.match(trace!.asRoot!, /^processes of all users/);
      assert.notEqual(trace!.state, 'good');
    });

    it('says whose a process is, and examines those of its own', async () => {
      const foreign = await scene.current.program();
      const told = doctor([String(foreign.pid)], { through: asUser(OTHER_USER) });
      assert.equal(told.status, 4);
      assert.match(told.of(/^Process/)('user')!.fact, new RegExp(`of user 0, and this is user ${OTHER_USER}`));
      assert.match(told.of(/^Process/)('maps')!.remedy!, /as root, or as user 0/);

      const own = await ofOtherUser();
      for (const through of [asUser(OTHER_USER), []]) {
        const found = doctor([String(own.pid)], { through }).of(/^Process/);
        assert.match(found('sonde')!.fact, /^It has sonde 0\.\d+\.\d+ \(/);
        assert.match(found('object')!.fact, /^The \d+ probes of \w+ are in /);
        assert.match(found('traced')!.fact, /^Nobody traces/);
      }

      const inMemory = await ofOtherUser({ SONDE_DIR: '/proc/none', SONDE_REQUIRE: '' });
      const found = doctor([String(inMemory.pid)], { through: asUser(OTHER_USER) }).of(/^Process/);
      assert.match(found('object-unread')!.fact, /\/memfd:.* cannot be read by this user$/);
    });
  });

  it('says that tracefs is not mounted, and how to mount it', () => {
    const { status, of, subcommands } = doctor([], { first: 'umount /sys/kernel/tracing' });
    assert.equal(status, 4);
    const { state, remedy } = of(/Kernel/)('tracefs')!;
    assert.equal(state, 'bad');
    assert.notEqual(subcommands.find(({ name }) => name === 'trace')!.state, 'good');
    const [, command] = /^As root: (.*)$/.exec(remedy!)!;
    assert.equal(doctor([], { first: `umount /sys/kernel/tracing; ${command}` }).status, 0);
  });

  it('says that tracefs is read-only', () => {
    const { status, of } = doctor([], { first: 'mount -o remount,bind,ro /sys/kernel/tracing' });
    assert.equal(status, 4);
    assert.match(of(/Kernel/)('uprobe-events')!.fact, /cannot be written \(EROFS\)/);
    assert.match(of(/Kernel/)('uprobe-events')!.remedy!, /outside of the container/);
  });

  it('says that this is a pid namespace, or root of a user namespace only', () => {
    const inner = doctor([], { first: ':', unshare: ['--pid', '--fork', '--mount-proc'] });
    assert.match(inner.of(/Namespaces/)('pid-namespace')!.remedy!, /--pid=host/);
    const user = doctor([], { first: ':', unshare: ['--user', '--map-root-user'] });
    assert.equal(user.of(/Permissions/)('cap_bpf')!.state, 'bad');
    assert.match(user.of(/Permissions/)('user')!.meaning!, /root in it is not root of the machine/);
  });

  it('says that the folder of probe objects forbids code, or cannot be written', () => {
    const folder = join(scene.current.folder, 'objects');
    mkdirSync(folder, { mode: 0o700 });
    const with_ = (options: string) =>
      doctor([], {
        first: `mount -t tmpfs -o mode=700${options} none ${folder}`,
        environment: { SONDE_DIR: folder },
      }).of(/Probe objects/)('object-folder')!;
    assert.deepEqual([with_('').state, with_('').fact], ['good', `The folder of probe objects is ${folder} (tmpfs)`]);
    for (const [options, fact] of [
      [',noexec', /\(tmpfs\), mounted noexec$/],
      [',ro', /\(tmpfs\), mounted read-only$/],
      [',mode=777', /others can change it \(mode 777\)$/],
    ] as const) {
      assert.match(with_(options).fact, fact);
      assert.match(with_(options).meaning!, /objects are in memory/);
      assert.equal(with_(options).state, 'limited');
    }
  });

  it('says which tools are there, and what is wrong with their versions', () => {
    const tools = join(scene.current.folder, 'tools');
    mkdirSync(tools);
    symlinkSync(process.execPath, join(tools, 'node'));
    for (const [name, script] of Object.entries({
      bpftrace: 'echo bpftrace v0.23.2',
      perf: 'echo "WARNING: perf not found for kernel 6.9" >&2; exit 2',
      gdb: 'echo "GNU gdb (Fancy Linux 1.2.3) 15.2"',
      bpftool: 'exec sleep 100',
      dtrace: 'echo "dtrace: Sun D 2.0"; echo "This is DTrace 2.0.7"',
    })) {
      writeFileSync(join(tools, name), `#!/bin/sh\nPATH=/bin:/usr/bin\n${script}\n`);
      chmodSync(join(tools, name), 0o755);
    }
    const { of, subcommands } = doctor([], { environment: { PATH: tools } });
    const found = of(/Tools/);
    assert.match(found('bpftrace')!.fact, /^bpftrace 0\.23\.2 is installed/);
    assert.equal(found('bpftrace-unsigned')!.state, 'limited');
    assert.equal(found('bpftrace-arguments'), undefined);
    assert.deepEqual(
      [found('perf')!.state, found('perf')!.fact],
      ['bad', 'perf cannot run: WARNING: perf not found for kernel 6.9'],
    );
    assert.match(found('gdb')!.fact, /^gdb 15\.2 is installed/);
    assert.match(found('stap')!.fact, /^stap is not installed/);
    assert.equal(found('bpftool')!.state, 'bad');
    assert.match(found('dtrace')!.fact, /^dtrace 2\.0\.7 is installed/);
    assert.equal(found('dtrace-arguments')!.state, 'limited');
    assert.equal(subcommands.find(({ name }) => name === 'trace')!.state, 'good');
  });

  describe('of a process', () => {
    it('says which sonde it has, which backend runs and why, and where its objects are', async () => {
      const { pid } = await scene.current.program({ SONDE_BACKEND: '' });
      const { status, of } = doctor([String(pid)]);
      const found = of(/^Process/);
      assert.equal(status, 0);
      assert.deepEqual(
        ['sonde', 'backend', 'object', 'traced'].map((id) => found(id)!.state),
        ['good', 'good', 'good', 'good'],
      );
      assert.match(found('sonde')!.fact, /^It has sonde 0\.\d+\.\d+ \(.*sonde.*\.node\)$/);
      assert.deepEqual(
        [found('backend')!.fact, found('backend')!.meaning],
        ['The backend systemtap runs', 'it is the default on Linux'],
      );
      assert.equal(found('environment-sonde-dir')!.fact, `It was started with SONDE_DIR=${scene.current.objects}`);
    });

    it('knows the ebpf backend, objects in memory, and objects that were removed', async () => {
      const ebpf = await scene.current.program({ SONDE_BACKEND: 'ebpf' });
      const found = doctor([String(ebpf.pid)]).of(/^Process/);
      assert.deepEqual(
        [found('backend')!.fact, found('backend')!.meaning],
        ['The backend ebpf runs', 'it was asked for by SONDE_BACKEND'],
      );
      const memory = await scene.current.program({ SONDE_DIR: '/proc/none', SONDE_REQUIRE: '' });
      const inMemory = doctor([String(memory.pid)]).of(/^Process/);
      assert.match(inMemory('object')!.fact, /^The .* are in memory \(\/memfd:/);
      assert.match(inMemory('object-folder')!.fact, /\(proc\), where no files can be made$/);
      const removed = await scene.current.program();
      rmSync(scene.current.objects, { recursive: true });
      const ofRemoved = doctor([String(removed.pid)]).of(/^Process/);
      assert.match(ofRemoved('object')!.fact, /which was removed or replaced since$/);
      assert.equal(ofRemoved('object')!.state, 'limited');
    });

    for (const [what, id, state, options] of [
      ['--no-addons', 'no-addons', 'bad', { args: ['--no-addons'] }],
      ['--no-addons in NODE_OPTIONS', 'no-addons', 'bad', { env: { NODE_OPTIONS: '--no-addons' } }],
      ['the permission model', 'permission-model', 'bad', { args: [PERMISSION, '--allow-fs-read=*'] }],
      ['the condition sonde-off', 'sonde-off', 'bad', { args: ['-C', 'sonde-off'] }],
      ['SONDE_BACKEND=noop', 'noop', 'bad', { env: { SONDE_BACKEND: 'noop' } }],
      ['a package.json with noop', 'noop', 'bad', { manifest: { sonde: { backend: 'noop' } } }],
      ['a backend that there is not', 'backend-unknown', 'limited', { env: { SONDE_BACKEND: 'strace' } }],
    ] as const) {
      it(`explains a process without probes by ${what}`, async () => {
        const child = await idle(options);
        const { status, of } = doctor([String(child.pid)]);
        assert.equal(status, 3);
        assert.equal(of(/^Process/)(id)!.state, state);
        assert.equal(of(/^Process/)('sonde')!.state, 'bad');
      });
    }

    it('takes no option of the program for one of Node.js', async () => {
      const child = await idle({ after: ['--no-addons', '-C', 'sonde-off'] });
      const found = doctor([String(child.pid)]).of(/^Process/);
      assert.deepEqual([found('no-addons'), found('sonde-off')], [undefined, undefined]);
      assert.match(found('sonde')!.remedy!, /status\(\)/);
    });

    it('says who traces it: bpftrace, with bpftool and without, sonde itself, and a debugger', async function () {
      needsTools(this, 'bpftrace', 'bpftool', 'gdb');
      const program = await scene.current.program();
      const traced = (environment = {}) =>
        doctor([String(program.pid)], { environment })
          .sections.flatMap(({ findings }) => findings)
          .find(({ id, fact }) => id === 'traced' && /smtp/.test(fact))!;
      assert.match(traced().fact, /^Nobody traces smtp/);
      const bpftrace = scene.current.tracer('bpftrace', [
        '-e',
        `usdt:${await program.object()}:smtp:session__start { printf("seen\\n"); }`,
      ]);
      await bpftrace.shows(/Attach(ing|ed)/);
      await program.until(true);
      assert.equal(traced().fact, `smtp:session__start traced by bpftrace (process ${bpftrace.pid})`);
      const hidden = { PATH: '/nowhere' };
      assert.match(traced(hidden).meaning!, new RegExp(`bpftrace \\(process ${bpftrace.pid}\\)`));
      await bpftrace.stop();
      await program.until(false);
      const command = await tracing(scene.current, 'trace', 'smtp:session-start');
      assert.equal(traced().fact, `smtp:session__start traced by sonde (process ${command.pid})`);
      await command.stop();
      await program.until(false);
      await Gdb.attach(scene.current, program.pid);
      assert.match(doctor([String(program.pid)]).of(/^Process/)('debugger')!.fact, /^gdb \(process \d+\) is attached/);
    });

    it('says that the link of a provider leads to another definition', async () => {
      const program = await scene.current.program();
      const link = join(scene.current.objects, 'smtp.so');
      rmSync(link, { force: true });
      symlinkSync(`smtp-${'0'.repeat(40)}.so`, link);
      const newest = doctor([String(program.pid)]).of(/^Process/)('newest')!;
      assert.match(newest.fact, /smtp\.so leads to another definition \(smtp-0{40}\.so\)$/);
      assert.equal(newest.remedy, `Give tools ${await program.object()}`);
    });

    it('finds a process by its command line, and not the command that asks', async () => {
      const word = `word-${process.pid}`;
      assert.equal(doctor([word], {}, false).status, 3);
      const child = await idle({ after: [word] });
      const { sections } = doctor([word]);
      const titles = sections.map(({ title }) => title).filter((title) => title.startsWith('Process'));
      assert.equal(titles.length, 1);
      assert.match(titles[0]!, new RegExp(`^Process ${child.pid}: `));
    });

    it('knows another pid and mount namespace', async () => {
      const program = new TracedProgram(
        { SONDE_DIR: scene.current.objects },
        { through: ['unshare', '--pid', '--mount', '--fork', '--kill-child', '--mount-proc'] },
      );
      scene.current.defer(() => program.kill());
      await program.ready;
      const [pid] = spawnSync('pgrep', ['-P', String(program.pid)], { encoding: 'utf8' }).stdout.split('\n');
      const found = doctor([pid!]).of(/^Process/);
      assert.match(found('pid-namespace')!.fact, /where it has the pid 1$/);
      assert.equal(found('mount-namespace')!.meaning, `its files are at /proc/${pid}/root`);
      assert.equal(found('object')!.state, 'good');
    });

    it('prints nothing that a terminal would act on', async () => {
      const text = '\x1b[31mred\x1b[0m\nnext\u202e';
      const { pid } = await idle({ after: [text], env: { SONDE_BACKEND: text, NODE_OPTIONS: '' } });
      for (const args of [[], ['--json']]) {
        const { stdout } = sonde('doctor', String(pid), ...args);
        assert.match(stdout, /\\x1b\[31mred|\\u001b\[31mred/);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
        assert.doesNotMatch(stdout, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
        assert.doesNotMatch(stdout, /^next/m);
      }
    });

    it('says that there is none', () => {
      const { status, stderr } = sonde('doctor', '999999999');
      assert.equal(status, 3);
      assert.match(stderr, /^sonde: there is no process 999999999; give the pid or /);
      // kthreadd
      assert.match(sonde('doctor', '2').stderr, /^sonde: process 2 has no command line: /);
      assert.equal(sonde('doctor', '').status, 2);
    });
  });

  interface Idle {
    args?: readonly string[];
    after?: readonly string[];
    env?: Record<string, string>;
    manifest?: object;
  }

  /** A process of Node.js that does nothing. */
  async function idle({ args = [], after = [], env = {}, manifest }: Idle): Promise<ChildProcess> {
    const { NODE_OPTIONS, ...inherited } = process.env;
    const main = join(scene.current.folder, 'idle.js');
    writeFileSync(main, 'console.log("ready"); setInterval(() => {}, 1000);');
    if (manifest) writeFileSync(join(scene.current.folder, 'package.json'), JSON.stringify(manifest));
    const child = spawn(process.execPath, [...args, main, ...after], {
      env: { ...inherited, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    scene.current.defer(() => child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    return child;
  }

  async function ofOtherUser(environment: Record<string, string> = {}): Promise<TracedProgram> {
    const objects = join(scene.current.folder, 'of-another-user');
    mkdirSync(objects, { recursive: true });
    chmodSync(scene.current.folder, 0o755);
    assert.equal(spawnSync('chown', [String(OTHER_USER), objects]).status, 0);
    const program = new TracedProgram({ SONDE_DIR: objects, ...environment }, { through: asUser(OTHER_USER) });
    scene.current.defer(() => program.kill());
    await program.ready;
    return program;
  }

  /**
   * Runs it.
   *
   * @param first commands in a mount namespace of its own, before it
   * @param unshare what else is its own then
   */
  function doctor(
    args: readonly string[] = [],
    {
      through = [],
      first,
      unshare = [],
      environment = {},
    }: { through?: string[]; first?: string; unshare?: string[]; environment?: Record<string, string> } = {},
    hasOutput = true,
  ): Examined {
    const words = [process.execPath, COMMAND, 'doctor', ...args, '--json'];
    const [command, ...rest] =
      first === undefined
        ? [...through, ...words]
        : [...through, 'unshare', '--mount', ...unshare, 'sh', '-ec', `${first}\nexec "$@"`, 'sh', ...words];
    const { SONDE_DIR, XDG_RUNTIME_DIR, ...inherited } = process.env;
    const { status, stdout, stderr } = spawnSync(command!, rest, {
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...inherited, ...environment },
    });
    if (!hasOutput) return { status } as Examined;
    assert.equal(stderr, '');
    const told: Told = JSON.parse(stdout);
    return {
      ...told,
      status,
      of: (section) => (id) =>
        told.sections.find(({ title }) => section.test(title))!.findings.find((finding) => finding.id === id),
    };
  }
});
