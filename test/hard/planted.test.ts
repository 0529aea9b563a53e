// Another user plants files, links and folders where probe objects are to lie, and exchanges them
// while a program looks.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Scene, useScene } from '../support/scene.js';
import { needsRoot, needsTools } from '../support/tools.js';
import { run } from '../support/tracer.js';
import { ATTACKER, type Attack, attacks, Field, USERS } from './attacks.js';
import { meet } from './goals.js';
import { scaled } from './scale.js';
import type { Told } from './victim-program.js';

const SOURCES = fileURLToPath(new URL('../../hard', import.meta.url));
const PROGRAM = fileURLToPath(new URL('victim-program.js', import.meta.url));
const VICTIM = 3001;
const ROUNDS = scaled(60);
const PROTECTION = '/proc/sys/fs/protected_symlinks';

describe('Another user who exchanges files, folders and links', () => {
  const scene = useScene();
  before(function () {
    needsRoot(this);
    needsTools(this, 'cc', 'setpriv');
  });

  const protections = existsSync(PROTECTION) ? ['0', '1'] : ['as it is'];
  for (const victim of [VICTIM, 0]) {
    for (const [where, prepare] of Object.entries(attacks)) {
      for (const protection of protections) {
        it(`has user ${victim} load nothing and write nowhere else: ${where}, protected_symlinks ${protection}`, async () => {
          const before = protection === 'as it is' ? undefined : readFileSync(PROTECTION, 'utf8');
          if (before) writeFileSync(PROTECTION, protection);
          try {
            await attack(scene.current, victim, prepare);
          } finally {
            if (before) writeFileSync(PROTECTION, before);
          }
        });
      }
    }
  }
});

async function attack(scene: Scene, victim: number, prepare: (field: Field) => Attack): Promise<void> {
  // Users may pass, and that is all.
  chmodSync(scene.folder, 0o711);
  const marks = join(scene.folder, 'marks');
  mkdirSync(marks);
  chmodSync(marks, 0o1777);
  const [attacker, planted] = ['attacker', 'planted.so'].map((name) => join(scene.folder, name)) as [string, string];
  await run('cc', ['-O2', '-o', attacker, join(SOURCES, 'attacker.c')]);
  await run('cc', ['-shared', '-fPIC', `-DMARKS="${marks}"`, '-o', planted, join(SOURCES, 'planted.c')]);

  const safe = join(scene.folder, 'safe');
  await victimProgram(0, '/nowhere', { SAFE_DIR: safe, SONDE_DIR: safe });
  const names = readdirSync(safe).filter((name) => /^planted.*-[0-9a-f]{40}\.so$/.test(name));
  assert.equal(names.length, ROUNDS);

  const root = join(scene.folder, 'field');
  mkdirSync(root);
  chmodSync(root, 0o755);
  const field = new Field(root, victim, names, planted);
  const home = field.folder('home', { owner: victim });
  furnish(home, victim, names, safe);
  const before = listing(home);
  const { place, environment, spares, isOpen } = prepare(field);
  const who = ['--reuid', String(ATTACKER), '--regid', String(USERS), '--clear-groups'];
  const child = spawn('setpriv', [...who, attacker, place, ...spares], { stdio: 'inherit' });
  const ended = once(child, 'exit');
  scene.defer(() => child.kill('SIGKILL'));
  const told = await victimProgram(victim, place, { SAFE_DIR: safe, ...environment });
  child.kill('SIGKILL');
  await ended;
  const after = listing(home);
  const changed = [
    ...after.filter((line) => !before.includes(line)),
    ...before.filter((line) => !after.includes(line)).map((line) => `not any more: ${line}`),
  ];
  meet(
    `${ROUNDS} first definitions, ${told.inFiles} in files, ${told.inMemory} in memory`,
    [
      { name: 'that went wrong', measured: ROUNDS - told.inFiles - told.inMemory, exactly: 0 },
      ...(isOpen ? [{ name: 'in a file that others can exchange', measured: told.inFiles, exactly: 0 }] : []),
      { name: 'planted objects that were loaded', measured: sizes(marks), exactly: 0 },
      { name: 'things that were changed or made elsewhere', measured: changed.length, exactly: 0 },
    ],
    [...changed.slice(0, 5), ...told.reasons.slice(0, 5)].join('\n'),
  );
}

/** The victim's own folder has objects in it which are as they should be, and other things. */
function furnish(home: string, victim: number, names: readonly string[], safe: string): void {
  for (const folder of ['.', 'sonde', 'er/sonde']) {
    mkdirSync(join(home, folder), { recursive: true });
    for (const name of names) {
      copyFileSync(join(safe, name), join(home, folder, name));
      chmodSync(join(home, folder, name), 0o600);
    }
  }
  writeFileSync(join(home, 'letter'), 'a letter', { mode: 0o640 });
  spawnSync('chown', ['-R', `${victim}:${USERS}`, home]);
  for (const folder of ['.', 'sonde', 'er', 'er/sonde']) chmodSync(join(home, folder), 0o750);
}

/** Everything in a folder: its name, mode and size. */
function listing(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true }).map(String);
  return ['.', ...names.sort()].map((name) => {
    const stats = lstatSync(join(folder, name));
    return `${name} ${(stats.mode & 0o7777).toString(8)} ${stats.isDirectory() ? '' : stats.size}`;
  });
}

/** Each load of a planted object has left a byte. */
const sizes = (folder: string) =>
  readdirSync(folder).reduce((sum, name) => sum + lstatSync(join(folder, name)).size, 0);

async function victimProgram(user: number, place: string, environment: NodeJS.ProcessEnv): Promise<Told> {
  const { SONDE_DIR: _, XDG_RUNTIME_DIR: __, TMPDIR: ___, ...inherited } = process.env;
  const child = spawn(process.execPath, [PROGRAM, String(user), place, String(ROUNDS)], {
    env: { ...inherited, SONDE_BACKEND: 'systemtap', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  assert.deepEqual([code, signal, errors], [0, null, '']);
  return JSON.parse(output);
}
