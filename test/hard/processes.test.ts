// Processes race for one object, and are killed while they make it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { goAll, objectName, start } from '../support/many-processes.js';
import { useScene } from '../support/scene.js';
import { Goals, meet } from './goals.js';
import { scaled } from './scale.js';

const AT_ONCE = 200;
const RACES = scaled(1);
const KILLED = scaled(90);
const KILLED_AT_ONCE = 2;
const WRITTEN_WITHIN_MS = 3;

describe('Many processes, each with the first definition,', () => {
  const scene = useScene();
  const defer = (release: () => unknown) => scene.current.defer(release);

  it(`${AT_ONCE} of them, race for one object`, async () => {
    const goals = new Goals();
    for (let race = 1; race <= RACES; race++) {
      const objects = join(scene.current.folder, `race-${race}`);
      const told = await goAll(Array.from({ length: AT_ONCE }, () => start({ objects, defer }, 'short-program')));
      const files = readdirSync(objects).filter((name) => name !== '.parts');
      const inode = lstatSync(join(objects, objectName({ objects }))).ino;
      goals.add(
        `${AT_ONCE} processes`,
        {
          name: 'with the one file mapped',
          measured: told.filter((one) => one.inode === inode).length,
          exactly: AT_ONCE,
        },
        { name: 'with a reason why it is elsewhere', measured: told.filter(({ reason }) => reason).length, exactly: 0 },
        { name: 'files in the folder', measured: files.length, exactly: 2 },
        { name: 'files that are not whole', measured: readdirSync(join(objects, '.parts')).length, exactly: 0 },
      );
    }
    goals.check();
  });

  it('are killed at random moments, and the next one finds all it needs', async () => {
    const whole = await wholeObject();
    let [left, inTheMiddle, checked] = [KILLED, 0, 0];
    const wrong: string[] = [];
    const lane = async () => {
      while (left-- > 0) {
        const objects = join(scene.current.folder, `killed-${left}`);
        const isTold = await killOne(objects, whole.milliseconds);
        const found = contents(objects, whole);
        if (!isTold && found.length > 0) inTheMiddle++;
        wrong.push(...found.filter((what) => what.startsWith('wrong')).map((what) => `${objects}: ${what}`));
        // Where it left something unfinished, and now and then.
        if (!found.includes('unfinished') && left % 10 > 0) continue;
        checked++;
        const [next] = await goAll([start({ objects, defer }, 'short-program')]);
        if (next!.reason !== undefined || next!.location !== join(objects, whole.name)) {
          wrong.push(`${objects}: the next one is at ${next!.location}, since ${next!.reason}`);
        }
        wrong.push(...contents(objects, whole).filter((what) => what.startsWith('wrong')));
      }
    };
    await Promise.all(Array.from({ length: KILLED_AT_ONCE }, lane));
    meet(
      `${KILLED.toLocaleString('en')} processes killed`,
      [
        { name: 'in the middle of the definition', measured: inTheMiddle, least: KILLED / 10 },
        { name: 'after which another one looked', measured: checked, least: KILLED / 10 },
        { name: 'things that were wrong', measured: wrong.length, exactly: 0 },
      ],
      wrong.join('\n'),
    );
  });

  interface Whole {
    name: string;
    content: Buffer;
    /** How long it took a process to make it, and to end. */
    milliseconds: number;
  }

  async function wholeObject(): Promise<Whole> {
    const objects = join(scene.current.folder, 'whole');
    const child = start({ objects, defer }, 'short-program');
    const end = once(child, 'exit');
    await once(child.stdout!, 'data');
    const started = performance.now();
    child.stdin!.end('.');
    assert.deepEqual(await end, [0, null]);
    const milliseconds = performance.now() - started;
    const name = objectName({ objects });
    return { name, content: readFileSync(join(objects, name)), milliseconds };
  }

  /** Whether it had told where its object is before it was killed. */
  async function killOne(objects: string, milliseconds: number): Promise<boolean> {
    // Some make the folder too.
    if (Math.random() < 0.5) mkdirSync(objects, { mode: 0o700 });
    const child = start({ objects, defer }, 'short-program');
    const end = once(child, 'exit');
    let told = '';
    await once(child.stdout!, 'data');
    child.stdout!.on('data', (data) => {
      told += data;
    });
    child.stdin!.on('error', () => {});
    child.stdin!.end('.');
    if (Math.random() < 0.5) {
      // At once, or at last when it is likely to be done.
      await setTimeout(Math.random() * milliseconds);
    } else {
      // While there is something, and not all.
      while (child.exitCode === null && told === '' && contentsOf(objects).length === 0) await setImmediate();
      const until = performance.now() + Math.random() * WRITTEN_WITHIN_MS;
      while (performance.now() < until) await setImmediate();
    }
    child.kill('SIGKILL');
    const [code, signal] = await end;
    assert.ok(signal === 'SIGKILL' || code === 0, `it ended with ${signal ?? code}`);
    return told !== '';
  }

  const contentsOf = (objects: string) => (existsSync(objects) ? readdirSync(objects) : []);

  /** What a folder holds: `whole`, `unfinished`, and what must not be. */
  function contents(objects: string, whole: Whole): string[] {
    if (!existsSync(objects)) return [];
    const { mode } = lstatSync(objects);
    const folder = (mode & 0o777) === 0o700 ? [] : [`wrong: the folder's mode is ${(mode & 0o777).toString(8)}`];
    return [...folder, ...readdirSync(objects).map((name) => kind(join(objects, name), name, whole))];
  }

  function kind(path: string, name: string, whole: Whole): string {
    // Files that are not whole yet.
    if (name === '.parts') return readdirSync(path).length > 0 ? 'unfinished' : 'whole';
    if (name === 'smtp.so')
      return readlinkSync(path) === whole.name ? 'whole' : `wrong: ${name} is a link to ${readlinkSync(path)}`;
    if (name !== whole.name) return `wrong: there is ${name}`;
    const content = readFileSync(path);
    return content.equals(whole.content) ? 'whole' : `wrong: ${name} has ${content.length} bytes, or others`;
  }
});
