// sonde on arm64, which QEMU emulates for Node.js: the prebuilt addon, gdb through QEMU's stub, and
// the watched byte.
//
// gdb cannot put its breakpoints in: QEMU 7.2 lets it write to no page that the program may not
// write to, and where QEMU does it for gdb, memory stays as it is. So the test writes the
// instruction itself that gdb, the kernel and DTrace use on arm64, and gdb is told of each trap, as
// of its own.
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readNotes } from '@sonde/elf';
import { cases, everyArgument, expected } from '../fixtures/every-argument.js';
import { printNamed, printProbe } from '../support/gdb.js';
import { nativeArguments, readBack } from '../support/read-back.js';
import { useScene } from '../support/scene.js';
import { needsTools } from '../support/tools.js';
import { emulatedNode } from './emulated.js';

const PROGRAM = fileURLToPath(new URL('program.js', import.meta.url));
const BRK = Buffer.from('200020d4', 'hex');
const NOP = Buffer.from('1f2003d5', 'hex');

for (const version of [22, 24]) {
  describe(`arm64, Node.js ${version}`, function () {
    this.timeout(240_000);
    const scene = useScene({});
    let node: ReturnType<typeof emulatedNode>;

    before(function () {
      needsTools(this, 'gdb-multiarch');
      node = emulatedNode(this, version);
    });

    for (const [how, print] of [
      ['as SDT notes tell it', printProbe],
      ['by name', printNamed],
    ] as const) {
      it(`fires up to twelve arguments of every type, which gdb reads exactly, ${how}; \`enabled\` follows the code`, async () => {
        const file = (name: string) => join(scene.current.folder, name);
        const program = start(node('-g', file('gdb')), file('where'));
        scene.current.defer(() => program.kill('SIGKILL'));
        const told = once(createInterface(program.stdout!), 'line');
        await exists(file('gdb'));
        const read = promisify(execFile)('gdb-multiarch', ['-nx', '-batch', ...gdbCommands(file, print)], {
          timeout: 200_000,
          maxBuffer: 2 ** 24,
        });
        await Promise.race([exists(file('first-stop')), read]);
        const objects = file('objects');
        const object = join(objects, readdirSync(objects).find((name) => name.startsWith('every-'))!);
        replaceCode(program.pid!, object, NOP, BRK);
        writeFileSync(file('traced'), '');
        await Promise.race([exists(file('second-stop')), read]);
        replaceCode(program.pid!, object, BRK, NOP);
        writeFileSync(file('not-traced'), '');

        assert.deepEqual(readBack((await read).stdout), cases.map(expected));
        const all = Object.keys(everyArgument).length;
        assert.deepEqual(JSON.parse((await told)[0]), { before: 0, traced: all, after: 0, errors: [] });
      });
    }
  });
}

/** From the start of the program to its end. */
function gdbCommands(file: (name: string) => string, print: typeof printProbe): string[] {
  const wait = (mine: string, yours: string) =>
    `shell touch ${file(mine)}; while [ ! -e ${file(yours)} ]; do sleep 0.05; done`;
  const commands = [
    ...['set architecture aarch64', 'set pagination off', 'set confirm off', 'set width 0'],
    ...['set print elements 0', 'set print repeats 0', `target remote ${file('gdb')}`],
    ...['handle all nostop noprint pass', 'handle SIGUSR2 stop nopass', 'handle SIGTRAP stop nopass'],
    ...['continue', `source ${file('where')}`, wait('first-stop', 'traced')],
    // It stops at the trap, and goes on behind it, at the stub's return.
    ...cases.flatMap(({ probe }) => ['continue', ...print(probe, nativeArguments(probe)), 'set $pc = $pc + 4']),
    ...['continue', wait('second-stop', 'not-traced'), 'continue'],
  ];
  writeFileSync(file('commands'), commands.join('\n'));
  return ['-x', file('commands')];
}

function start([command, ...options]: [string, ...string[]], where: string): ChildProcess {
  const objects = join(where, '../objects');
  mkdirSync(objects, { mode: 0o700 });
  return spawn(command, [...options, PROGRAM, where], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, SONDE_DIR: objects, SONDE_BACKEND: 'systemtap', SONDE_REQUIRE: '1' },
  });
}

async function exists(path: string): Promise<void> {
  while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 20));
}

/**
 * Writes to the memory of the program, as a tracer does: QEMU maps files for it as it would for
 * itself.
 */
function replaceCode(pid: number, object: string, old: Buffer, instruction: Buffer): void {
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  const start = Number.parseInt(maps.find((line) => line.endsWith(object))!, 16);
  const memory = openSync(`/proc/${pid}/mem`, 'r+');
  for (const { address } of readNotes(readFileSync(object))) {
    const found = Buffer.alloc(4);
    readSync(memory, found, 0, 4, start + Number(address));
    assert.deepEqual(found, old);
    writeSync(memory, instruction, 0, 4, start + Number(address));
  }
  closeSync(memory);
}
