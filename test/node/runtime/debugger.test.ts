// A debugger that comes while every exception is traced: it is told of no pause that it did not ask
// for, and the program does not stand.
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { Debugger } from '../../support/debugger.js';
import { recordedProgram } from '../../support/recorded-program.js';
import { useScene } from '../../support/scene.js';

/** A slow machine's turn; a debugger that stops the program stops it for good. */
const A_TURN_MS = 1000;

describe('@sonde/node: a debugger', function () {
  this.timeout(20_000);
  const scene = useScene();

  for (const method of ['Runtime.enable', 'Debugger.enable']) {
    it(`that comes by SIGUSR1, at once, and asks for ${method}`, async () => {
      const { program, of } = await recordedProgram(scene.current, { execArgv: ['--inspect-port=0'] });
      const throwing = program.call('throwFor', 1500);
      await setTimeout(300);
      assert.ok((await of('exception__thrown')).length > 0);
      process.kill(program.pid, 'SIGUSR1');
      let url: string | undefined;
      while (!url) {
        await setTimeout(1);
        url = /ws:\S+/.exec(program.errors)?.[0];
      }
      const connected = await Debugger.connect(url);
      connected.send(method);
      const longest = await throwing;
      assert.ok(longest < A_TURN_MS, `a turn of ${longest} ms`);
      assert.ok(!connected.events.includes('Debugger.paused'));
      assert.ok(connected.events.length > 0, 'nothing was heard of the program at all');
      assert.match((await program.call('reasons')).exceptions!, /^a debugger can come by ws:/);
      connected.close();
    });
  }
});
