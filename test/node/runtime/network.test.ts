// What the probes of the network tell, by sonde's recorder, on this Node.js: each argument. That
// tracers see them, the other tests show.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { isDuration, isId, recordedProgram, show } from '../../support/recorded-program.js';
import { RuntimeProgram } from '../../support/runtime-program.js';
import { useScene } from '../../support/scene.js';

/** Its channels came with 22.17 and 24.2. */
const hasHttp2 = Number.parseInt(process.versions.node, 10) >= 22;

describe('@sonde/node: the network', function () {
  this.timeout(60_000);
  const scene = useScene();

  const recording = async () => {
    const { program, of } = await recordedProgram(scene.current);
    return { program, of, port: await program.call('serve') };
  };

  it('http: a request and its response on both sides, joined by ids', async () => {
    const { program, port, of } = await recording();
    assert.equal(await program.call('get', '/missing', false), 404);
    const [[server], [client]] = [await of('http__server__request'), await of('http__client__request')];
    const [[answered], [got]] = [await of('http__server__response'), await of('http__client__response')];
    const host = `127.0.0.1:${port}`;
    for (const request of [server!, client!]) {
      assert.deepEqual(
        [request.address, request.method, request.url, request.host],
        ['127.0.0.1', 'GET', '/missing', host],
      );
      assert.ok(isId(request.id) && isId(request.connection) && Number(request.fd) > 2, show(request));
    }
    assert.equal(client!.port, port);
    for (const [response, request] of [
      [answered!, server!],
      [got!, client!],
    ]) {
      const { ns, status, ...rest } = response!;
      const { host: _, ...same } = request!;
      assert.deepEqual(rest, same);
      assert.equal(status, 404);
      assert.ok(isDuration(ns), show(ns));
    }
    const [[accepted], [connected]] = [await of('net__server__connection'), await of('net__client__connect')];
    assert.deepEqual([accepted!.connection, accepted!.port], [server!.connection, server!.port]);
    assert.deepEqual([connected!.connection, connected!.port], [client!.connection, port]);
    assert.equal(accepted!.port, connected!.localPort);
  });

  it('http: a request that is given up, and one that fails', async () => {
    const { program, of } = await recording();
    await program.call('getAndLeave');
    const [[request], [abort], [error]] = [
      await of('http__server__request'),
      await of('http__server__abort'),
      await of('http__client__error'),
    ];
    assert.equal(abort!.id, request!.id);
    assert.ok(Number(abort!.ns) > 50e6, show(abort));
    assert.deepEqual([error!.message, error!.method, error!.url], ['socket hang up', 'GET', '/never']);
    assert.deepEqual(await of('http__server__response'), []);
  });

  it('http: a response that is ended, and then given up before all of it was there', async () => {
    const { program, of } = await recording();
    await program.call('getSomeAndLeave');
    assert.equal((await of('http__server__abort')).length, 1);
    assert.deepEqual(await of('http__server__response'), []);
  });

  it('http: to a Unix domain socket, and with a header that names another host', async () => {
    const { program, port, of } = await recording();
    const path = join(scene.current.folder, 'http.sock');
    await program.call('getByPath', path);
    await program.call('getWithHost', 'example.com:81');
    const seen = [...(await of('http__client__request')), ...(await of('http__client__response'))];
    assert.deepEqual(
      seen.map(({ address, port }) => [address, port]),
      [
        [path, 0],
        ['127.0.0.1', 0],
        [path, 0],
        ['127.0.0.1', port],
      ],
    );
  });

  it('fetch: a request and its response, joined by ids', async () => {
    const { program, port, of } = await recording();
    await program.call('fetch', '/missing');
    const [[request], [response], [done]] = [
      await of('undici__request'),
      await of('undici__response'),
      await of('undici__done'),
    ];
    const { id, ...asked } = request!;
    assert.ok(isId(id));
    assert.deepEqual(asked, { origin: `http://127.0.0.1:${port}`, method: 'GET', path: '/missing' });
    const { ns, ...got } = response!;
    assert.deepEqual(got, { ...request, status: 404 });
    assert.equal(done!.id, id);
    assert.ok(isDuration(ns) && Number(done!.ns) >= Number(ns), show([ns, done]));
  });

  it(`http2${hasHttp2 ? '' : ': nothing on this version, which has no channels for it'}`, async () => {
    const { program, of } = await recording();
    await program.call('http2', '/two');
    if (!hasHttp2) return assert.deepEqual(await of('http2__server__request'), []);
    for (const side of ['server', 'client']) {
      const [[request], [response], [close]] = [
        await of(`http2__${side}__request`),
        await of(`http2__${side}__response`),
        await of(`http2__${side}__close`),
      ];
      assert.deepEqual([request!.method, request!.url, request!.address], ['GET', '/two', '127.0.0.1'], side);
      assert.deepEqual([response!.status, response!.id, close!.id], [201, request!.id, request!.id], side);
      assert.ok(isDuration(response!.ns) && isDuration(close!.ns), show([response, close]));
      const [[connected]] = [await of(side === 'server' ? 'net__server__connection' : 'net__client__connect')];
      assert.ok(isId(connected!.connection));
      assert.deepEqual(
        [request!.connection, response!.connection],
        [connected!.connection, connected!.connection],
        side,
      );
      assert.equal(request!.fd, connected!.fd, side);
    }
  });

  it('net: connections of both sides, their bytes and their ends', async () => {
    const { program, of } = await recording();
    const { port, localPort } = await program.call('echo', 100_000);
    const [[accepted], [connected]] = [await of('net__server__connection'), await of('net__client__connect')];
    assert.deepEqual([accepted!.port, accepted!.localPort], [localPort, port]);
    assert.deepEqual([connected!.port, connected!.localPort, connected!.host], [port, localPort, 'localhost']);
    const ends = await of('net__stream__end');
    for (const { connection } of [accepted!, connected!]) {
      const end = ends.find((end) => end.connection === connection)!;
      assert.deepEqual([end.bytesIn, end.bytesOut], [100_000, 100_000]);
      assert.ok(isDuration(end.ns), show(end));
    }
    assert.equal(ends.find((end) => end.connection === accepted!.connection)!.port, localPort);
  });

  it('net: a connection that is refused', async () => {
    const { program, of } = await recording();
    const { port, code } = await program.call('refused');
    const [error] = await of('net__client__error');
    assert.deepEqual([error!.host, error!.port, error!.code], ['127.0.0.1', port, code]);
    assert.equal(code, 'ECONNREFUSED');
  });

  it('net: a socket that tries again and again has no more listeners for it', async () => {
    const { program, of } = await recording();
    assert.equal(await program.call('retry', 12), 0);
    assert.equal((await of('net__client__error')).length, 12);
    assert.equal(program.errors, '');
  });

  it('udp: each message once, of a socket that is bound for it, and of one that is connected', async () => {
    const { program, of } = await recording();
    const port = await program.call('udpUnbound');
    const sent = (await of('udp__send')).map(({ address, port, bytes }) => [address, port, bytes]);
    assert.deepEqual(sent, [
      ['127.0.0.1', port, 5],
      ['127.0.0.1', port, 6],
    ]);
    assert.deepEqual(await of('exception__thrown'), []);
  });

  it('udp: datagrams that are sent and received', async () => {
    const { program, of } = await recording();
    const { from, to } = await program.call('udp');
    const [sockets, sent, received] = [await of('udp__socket'), await of('udp__send'), await of('udp__receive')];
    assert.deepEqual(
      sockets.map(({ type }) => type),
      ['udp4', 'udp4'],
    );
    const [sender, receiver] = sockets.map(({ socket }) => socket);
    const bytes = [5, 3];
    assert.deepEqual(
      sent,
      bytes.map((bytes) => ({ socket: sender, address: '127.0.0.1', port: to, bytes })),
    );
    assert.deepEqual(
      received,
      bytes.map((bytes) => ({ socket: receiver, address: '127.0.0.1', port: from, bytes })),
    );
  });

  it('leaves functions alone that the program replaced', async () => {
    const program = await RuntimeProgram.start(scene.current);
    const name = await program.call('replaced');
    await program.call('record');
    assert.equal(await program.call('hostname'), name);
    await program.call('stopRecording');
    assert.equal(await program.call('hostname'), name);
  });

  it('dns: answers and errors', async () => {
    const { program, of } = await recording();
    await program.call('dns');
    // Newer versions look up what a server listens at, too.
    const started = (await of('dns__start')).filter(({ name }) => name !== '127.0.0.1');
    assert.deepEqual(
      started.map(({ function: name, name: asked }) => [name, asked]),
      [
        ['lookup', 'localhost'],
        ['lookup', 'localhost'],
        ['lookup', 'does-not-exist.invalid'],
      ],
    );
    const done = (await of('dns__done')).filter(({ name }) => name !== '127.0.0.1');
    assert.deepEqual(
      done.map(({ id, answers }) => [id, answers]),
      started.slice(0, 2).map(({ id }) => [id, 1]),
    );
    assert.equal(done[0]!.answer, '127.0.0.1');
    assert.ok(done.every(({ ns }) => isDuration(ns)));
    const [error] = await of('dns__error');
    assert.equal(error!.id, started[2]!.id);
    assert.match(String(error!.code), /^(ENOTFOUND|EAI_AGAIN)$/);
  });

  it('leaves nothing behind', async () => {
    const program = await RuntimeProgram.start(scene.current);
    await program.call('record');
    assert.ok((await program.call('leftBehind')).length > 15);
    await program.call('stopRecording');
    assert.deepEqual(await program.call('leftBehind'), []);
    assert.equal(program.errors, '');
    assert.equal(await program.end(), 0);
  });
});
