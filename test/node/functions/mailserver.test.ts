// One function of the mail server, which knows nothing of it: how long it takes, by its entry and
// its return.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MailServer } from '../../support/mail-server.js';
import { useScene } from '../../support/scene.js';
import { needsRoot, needsTools } from '../../support/tools.js';
import { run } from '../../support/tracer.js';

const fileOf = (path: string) => fileURLToPath(new URL(`../../../../examples/mailserver/${path}`, import.meta.url));

describe('@sonde/node: the latency of one function of the mail server', function () {
  this.timeout(60_000);
  const scene = useScene();

  before(function () {
    needsTools(this, 'bpftrace');
    needsRoot(this);
  });

  it('is a histogram of as many calls as there were, with the file and the line of the source', async () => {
    const server = await MailServer.start(scene.current, join(scene.current.folder, 'mails'), {
      environment: { SONDE_DIR: scene.current.objects, SONDE_FUNCTIONS: 'on' },
    });
    // The example between two probes of other functions: when both are there, so is all between
    // them.
    const script = `usdt:$1:node:function__entry /str(arg1) != str($2)/ { printf("entered\\n"); }
      ${readFileSync(fileOf('bpftrace/function-latency.bt'), 'utf8').replace(/^#!.*/, '')}
      usdt:$1:node:function__return /str(arg1) != str($2)/ { printf("returned\\n"); }`;
    const object = join(scene.current.objects, 'node.so');
    // The file's name may be longer than the 64 bytes that bpftrace reads of a text.
    const options = { BPFTRACE_STRLEN: '120' };
    const tracer = scene.current.tracer('bpftrace', ['-e', script, object, 'domainOf'], options);
    const knock = async () => {
      const socket = connect(server.port, '127.0.0.1');
      await once(socket, 'data');
      await once(socket.end(), 'close');
    };
    await tracer.hears(knock, /^entered$/m);
    await tracer.hears(knock, /^returned$/m);
    const counted = async () => {
      const output = await tracer.stop();
      const rows = (map: string) => {
        const [, text = ''] = new RegExp(`@${map}: ?\\n((?:[\\[(].*\\n)+)`).exec(output) ?? [];
        return [...text.matchAll(/[)\]]\s+(\d+) \|/g)].reduce((sum, [, count]) => sum + Number(count), 0);
      };
      const [, file, line, calls] = /@of\[(\S+), (\d+)\]: (\d+)/.exec(output) ?? [];
      return { output, file, line: Number(line), calls: Number(calls), rows };
    };
    await server.deliver(2, 4);
    const { output, file, line, calls, rows } = await counted();
    // What the client sends in two sessions of four mails: see examples/mailserver/src/client.ts.
    // Nine deliveries.
    assert.equal(calls, 9, output);
    assert.equal(rows('entry_to_return_ns'), 9, output);
    assert.equal(rows('as_the_return_tells_ns'), 9, output);
    assert.equal(file, fileOf('src/server.ts'));
    const source = (await run('sed', ['-n', `${line}p`, file])).trim();
    assert.match(source, /^function domainOf\(/);
  });
});
