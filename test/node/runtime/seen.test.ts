// What a program can see of itself is the same whether it is loaded, traced, or was traced.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { REGISTER } from '../../support/runtime-program.js';
import { useScene } from '../../support/scene.js';

const PROGRAM = fileURLToPath(new URL('../../fixtures/seen-program.js', import.meta.url));

describe('@sonde/node: what a program can see', function () {
  this.timeout(60_000);
  const scene = useScene();

  const seen = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      env: {
        ...process.env,
        SONDE_DIR: scene.current.objects,
        SONDE_BACKEND: 'systemtap',
      },
      timeout: 50_000,
    });
    assert.deepEqual([status, stderr], [3, '']);
    return JSON.parse(stdout);
  };

  it('is the same loaded, traced, and when the tracer has left', () => {
    const plain = seen(PROGRAM);
    assert.deepEqual(seen('--import', REGISTER, PROGRAM), plain);
    const { probes, ...traced } = seen('--import', REGISTER, PROGRAM, import.meta.resolve('sonde/testing'));
    assert.ok(probes > 20, `${probes} probes`);
    assert.deepEqual({ ...traced, probes: 0 }, plain);
  });
});
