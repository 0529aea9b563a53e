import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { needsRoot, needsTools } from '../support/tools.js';
import type { ProviderStatus } from './run-program.js';

const PROGRAM = fileURLToPath(new URL('memory-program.js', import.meta.url));

describe('probe objects in memory', () => {
  if (process.platform !== 'linux') return;
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-memory-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function run<Told>(scene: string, before: readonly string[] = []): Told {
    const [command, ...args] = [...before, process.execPath, '--expose-gc', PROGRAM, scene] as unknown as [string];
    const env = { ...process.env, SONDE_BACKEND: 'systemtap', SONDE_DIR: '/sys/nowhere', TMPDIR: folder };
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env, timeout: 60_000 });
    assert.deepEqual([status, stderr], [0, '']);
    return JSON.parse(stdout);
  }

  it('let go of their descriptors and mappings when their definitions come and go', () => {
    const rows = run<[descriptors: number, mapped: number][]>('flat');
    const [first] = rows as [(typeof rows)[0]];
    for (const [descriptors, mapped] of rows) {
      assert.ok(descriptors <= first[0] + 2 && mapped <= first[1] + 2, JSON.stringify(rows));
      assert.ok(mapped <= 6, `${mapped} objects are mapped`);
    }
  });

  it('let go of their descriptors when they are unloaded, before the garbage collector comes', () => {
    assert.equal(run<number>('unloaded'), 0);
  });

  it('are not taken for what the program opens under the number of a descriptor that it closed', () => {
    interface Told {
      sameNumber: boolean;
      stillOpen: boolean;
      first: ProviderStatus;
      again: ProviderStatus;
      location: string;
    }
    const { sameNumber, stillOpen, first, again, location } = run<Told>('closed');
    assert.deepEqual([sameNumber, stillOpen], [true, true]);
    assert.match(first.location!, /^\/proc\/\d+\/map_files\//);
    assert.match(first.reason!, new RegExp(`${location} was removed, or replaced, while this process used it`));
    assert.match(again.location!, /^\/proc\/\d+\/fd\/\d+$/);
    assert.notEqual(again.location, location);
  });

  it('are what they are, though the dynamic linker knows an object by the path of another', () => {
    const { locations, names } = run<{ locations: string[]; names: string[] }>('anew');
    assert.equal(new Set(locations).size, 3, locations.join());
    assert.match(names[0]!, /memfd:memory_c-/);
    assert.match(names[1]!, /memfd:memory_b-/);
  });

  it('are found by the number that the process has where /proc is mounted', function () {
    needsRoot(this);
    needsTools(this, 'unshare');
    const { location, reason } = run<ProviderStatus>('status', ['unshare', '--pid', '--fork']);
    assert.match(location!, /^\/proc\/\d{2,}\/fd\/\d+$/);
    assert.match(reason!, /^EPERM: .*\/sys\/nowhere'$/);
    const hidden = run<ProviderStatus>('status', [
      'unshare',
      '--pid',
      '--fork',
      '--mount',
      'sh',
      '-c',
      'mount -t tmpfs none /proc; exec "$@"',
      'sh',
    ]);
    assert.equal(hidden.location, undefined);
    assert.match(hidden.reason!, /nowhere'; probe objects cannot be found in memory: \/proc is not mounted/);
  });
});
