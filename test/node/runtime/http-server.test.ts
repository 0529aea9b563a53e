import assert from 'node:assert/strict';
import { bpftrace, onStack } from '../../support/bpftrace.js';
import { RuntimeProgram } from '../../support/runtime-program.js';
import { useScene } from '../../support/scene.js';
import { needsRoot, needsTools } from '../../support/tools.js';

describe('@sonde/node: http server', function () {
  this.timeout(60_000);
  const scene = useScene();

  before(function () {
    needsTools(this, 'bpftrace');
    needsRoot(this);
  });

  it('shows requests and their responses, joined by their id', async () => {
    const program = await RuntimeProgram.start(scene.current);
    const port = await program.call('serve');
    const tracer = bpftrace(
      scene.current,
      `${program.usdt('http__server__request')} {
        printf("request %d %s %s %s %s.\\n", arg0, str(arg2), str(arg4), str(arg5), str(${onStack(7, 'uint64')}));
      }
      ${program.usdt('http__server__response')} {
        printf("response %d %s %d %s %d.\\n", arg4, str(arg1), ${onStack(6, 'int32')}, str(${onStack(8, 'uint64')}), arg5);
      }`,
    );
    await tracer.hears(() => program.call('get', '/knock'), /^response .* \/knock /m);
    const from = tracer.output.length;
    assert.equal(await program.call('get', '/missing'), 404);
    const [, id, host] = await tracer.shows(/^request (\d+) 127\.0\.0\.1 GET \/missing (.*)\.$/m, from);
    const [, sameId, ns] = await tracer.shows(/^response (\d+) 127\.0\.0\.1 404 \/missing (\d+)\.$/m, from);
    assert.equal(host, `127.0.0.1:${port}`);
    assert.equal(sameId, id);
    assert.ok(Number(id) > 0);
    assert.ok(Number(ns) > 10_000 && Number(ns) < 10e9, ns);
  });
});
