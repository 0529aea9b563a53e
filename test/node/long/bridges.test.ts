// The ready-made bridges, with the packages that they are of, whose newest versions npm fetches:
// what a package publishes may change.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import type { Commands } from '../../fixtures/bridged-program.js';
import { CalledProgram } from '../../support/called-program.js';
import { needsPackage } from '../../support/npm-packages.js';
import { isDuration, isId, show, type Values } from '../../support/recorded-program.js';
import { REGISTER } from '../../support/runtime-program.js';
import { useScene } from '../../support/scene.js';

const PROGRAM = fileURLToPath(new URL('../../fixtures/bridged-program.js', import.meta.url));

describe('Ready-made bridges', function () {
  this.timeout(120_000);
  const scene = useScene();

  const bridged = async (bridge: string, provider = bridge) => {
    const program = new CalledProgram<Commands>(
      PROGRAM,
      { SONDE_DIR: scene.current.objects, SONDE_BRIDGES: bridge },
      { execArgv: ['--import', REGISTER] },
    );
    scene.current.defer(() => program.kill());
    await program.call('record');
    const of = async (probe: string) =>
      (await program.call('fired', provider))
        .filter((fired) => fired.probe === probe)
        .map(({ values }) => values as Values);
    return { program, of };
  };

  it('fire for what fastify tells', async function () {
    const path = needsPackage(this, 'fastify@5', 'fastify/fastify.js');
    const { program, of } = await bridged('fastify');
    await program.call('fastify', path);
    const started = await of('handler__start');
    assert.deepEqual(
      started.map(({ method, route, url }) => [method, route, url]),
      [
        ['GET', '/sync/:id', '/sync/1'],
        ['GET', '/async', '/async'],
        ['GET', '/fail', '/fail'],
      ],
    );
    assert.ok(
      started.every(({ request }) => isId(request)),
      show(started),
    );
    const done = await of('handler__done');
    assert.deepEqual(
      done.map(({ id, status }) => [id, status]),
      started.slice(0, 2).map(({ id }) => [id, 200]),
    );
    assert.ok(Number(done[1]!.ns) > 15e6);
    assert.deepEqual(
      (await of('handler__error')).map(({ id, message }) => [id, message]),
      [[started[2]!.id, 'failed']],
    );
  });

  it('fire for what express tells', async function () {
    const path = needsPackage(this, 'express@5', 'express/index.js');
    const { program, of } = await bridged('express');
    await program.call('express', path);
    const layer = (await of('layer__start')).find(({ layer }) => layer === 'hello');
    assert.deepEqual([layer?.method, layer?.url, isId(layer?.request)], ['GET', '/hello', true]);
    assert.ok((await of('layer__done')).some(({ id, ns }) => id === layer!.id && isDuration(ns)));
  });

  it('fire for what got tells', async function () {
    const path = needsPackage(this, 'got@14', 'got/dist/source/index.js');
    const { program, of } = await bridged('got');
    await program.call('got', path);
    const [[request], [response]] = [await of('request__start'), await of('response__end')];
    assert.deepEqual([request!.method, response!.status, response!.id], ['GET', 200, request!.id]);
    assert.match(String(request!.url), /^http:\/\/127\.0\.0\.1:\d+\/a$/);
  });

  it('fire for what mysql2 tells', async function () {
    const path = needsPackage(this, 'mysql2@3', 'mysql2/index.js');
    const { program, of } = await bridged('mysql2', 'mysql');
    const port = await program.call('mysql2', path);
    const [[query], [done]] = [await of('query__start'), await of('query__done')];
    const { id, ...asked } = query!;
    assert.deepEqual(asked, { request: 0, query: 'SELECT 1', database: 'shop', address: '127.0.0.1', port });
    assert.ok(done!.id === id && isDuration(done!.ns), show(done));
    assert.equal((await of('connect__done')).length, 1);
  });

  for (const [name, file] of [
    ['ioredis@5', 'ioredis/built/index.js'],
    ['redis@6', 'redis/dist/index.js'],
  ] as const) {
    const bridge = name.split('@')[0] as 'ioredis' | 'redis';
    it(bridge, async function () {
      const path = needsPackage(this, name, file);
      const { program, of } = await bridged(bridge);
      const port = await program.call(bridge, path);
      const command = (await of('command__start')).find(({ command }) => /^get$/i.test(String(command)))!;
      assert.deepEqual(
        [command.arguments, command.address, command.port],
        [bridge === 'redis' ? 2 : 1, '127.0.0.1', port],
        show(command),
      );
      assert.ok((await of('command__done')).some(({ id, ns }) => id === command.id && isDuration(ns)));
      assert.equal((await of('connect__done')).length, 1);
      if (bridge === 'ioredis') assert.equal((await of('command__error'))[0]!.message, 'ERR it failed');
    });
  }
});
