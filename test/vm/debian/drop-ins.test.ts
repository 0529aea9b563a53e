// DTrace for Linux sees the probes of bunyan, unmodified, on the dtrace backend.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { dtrace, ended, list, probesIn, useDaemon } from '../../support/dtrace.js';
import { environment } from '../../support/run-node.js';
import { useScene } from '../../support/scene.js';

const PROGRAM = fileURLToPath(new URL('../../drop-ins/bunyan-program.js', import.meta.url));
const LEVELS = ['debug', 'error', 'fatal', 'info', 'trace', 'warn'];

describe('DTrace for Linux and bunyan', function () {
  this.timeout(240_000);
  const scene = useScene();
  useDaemon();

  it('lists its probes by their own names, and shows records as JSON, those below its level too', async () => {
    const program = spawn(process.execPath, [PROGRAM], {
      env: environment(scene.current, { SONDE_BACKEND: 'dtrace' }),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    scene.current.defer(async () => {
      program.kill();
      await once(program, 'exit');
    });
    await once(program.stdout, 'data');
    const provider = `bunyan${program.pid}`;
    const listed = probesIn(await list([provider])).sort();
    assert.deepEqual(
      listed.map(([name, , ...others]) => [name, ...others]),
      LEVELS.map((level) => [provider, `log-${level}`, `log-${level}`]),
    );
    const tracer = dtrace(
      scene.current,
      `${provider}:::log-debug, ${provider}:::log-info { printf("%s %s", probename, copyinstr(arg0)); }`,
    );
    const [, debug] = await tracer.shows(/^log-debug (\{.*\})$/m);
    const [, info] = await tracer.shows(/^log-info (\{.*\})$/m);
    const { level, list: values, msg } = JSON.parse(debug!);
    assert.deepEqual([level, values, msg], [20, [1, 'ü'], 'below']);
    assert.equal(JSON.parse(info!).msg, 'hello there');
    await ended(tracer);
  });
});
