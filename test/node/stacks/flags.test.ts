// V8's flags: those of the program, with which there can be no names or other ones, and those that
// names need, of which nobody may see anything.
import assert from 'node:assert/strict';
import { NamesProgram } from '../../support/names-program.js';
import { useScene } from '../../support/scene.js';

describe("V8's flags and names in stacks", function () {
  this.timeout(60_000);
  const scene = useScene();

  describe('there are none, and it is told why,', () => {
    const flags: Record<string, RegExp> = {
      '--jitless': /V8 makes no machine code in this process, as with --jitless/,
      '--lite-mode': /V8 makes no machine code in this process, as with --jitless/,
      '--freeze-flags-after-init': /V8's flags cannot be changed any more, as with --freeze-flags-after-init/,
      '--max-old-space-size=20': /of this thread's heap \d+ MiB are used and \d+ are allowed, and names need \d+ more/,
    };
    for (const [flag, why] of Object.entries(flags)) {
      it(`with ${flag}`, async () => {
        const program = await NamesProgram.start(scene.current, { execArgv: [flag] });
        const { on, reason, map } = await program.call('enable', { jitdump: true });
        assert.deepEqual([on, map], [false, undefined]);
        assert.match(reason!, why);
        // What is compiled from now on, too.
        await program.call('make', 100);
        assert.equal(await program.call('runScript', 'one'), 3);
        await program.call('disable');
        assert.deepEqual((await program.call('traces')).files, []);
        assert.equal(await program.end(), 0);
      });
    }

    it('in a thread with little memory of its own, which goes on', async () => {
      const program = await NamesProgram.start(scene.current);
      const status = await program.call('startWorker', true, { maxOldGenerationSizeMb: 40 });
      assert.match(status!.reason!, /names need \d+ more/);
      assert.deepEqual(await program.call('askWorker', 20_000), { made: 20_000 });
      await program.call('endWorker');
    });

    it('in a thread with little memory for machine code, which goes on', async () => {
      const program = await NamesProgram.start(scene.current);
      const status = await program.call('startWorker', true, { codeRangeSizeMb: 16 });
      // Newer ones have one such memory for all threads, whatever is asked for.
      if (!status!.on) assert.match(status!.reason!, /this thread may have 16 MiB of machine code, and names need 64/);
      assert.deepEqual(await program.call('askWorker', 20_000), { made: 20_000 });
      await program.call('endWorker');
    });
  });

  for (const flag of [
    '--no-opt',
    '--max-lazy',
    '--no-lazy',
    '--no-sparkplug',
    '--always-sparkplug',
    '--single-threaded',
    '--interpreted-frames-native-stack',
    '--perf-prof',
  ]) {
    it(`there are names with ${flag}`, async () => {
      const program = await NamesProgram.start(scene.current, { execArgv: [flag, '--perf-prof-delete-file'] });
      const { flags } = await program.call('traces');
      assert.equal((await program.call('enable')).reason, undefined);
      await program.call('call', 'someName');
      await program.shows('someName ');
      await program.call('disable');
      assert.equal((await program.call('traces')).flags, flags);
      assert.equal(await program.end(), 0);
    });
  }

  it('bytecode that the program wants to keep is kept', async () => {
    const program = await NamesProgram.start(scene.current, { execArgv: ['--no-flush-bytecode'] });
    assert.deepEqual(pick(await program.call('enable')), { on: true, flushed: false });
    const without = await NamesProgram.start(scene.current);
    assert.deepEqual(pick(await without.call('enable')), { on: true, flushed: true });
    await without.call('disable');
    await without.call('setFlags', '--no-flush-bytecode');
    assert.deepEqual(pick(await without.call('enable')), { on: true, flushed: false });
  });

  describe("V8's code caches", () => {
    it('of before are taken while names are on, and those of meanwhile by programs without names', async () => {
      const [program, other] = [await NamesProgram.start(scene.current), await NamesProgram.start(scene.current)];
      await other.call('runScript', 'of another');
      const foreign = await other.call('cache');
      await program.call('enable');
      assert.deepEqual(await program.call('takes', 'of another', foreign), { rejected: false, result: 3 });
      await program.call('runScript', 'meanwhile');
      assert.deepEqual(await other.call('takes', 'meanwhile', await program.call('cache')), {
        rejected: false,
        result: 3,
      });
      // What came from a cache has names as well.
      await program.shows('plain eval');
    });

    it('that are created when names are off again are as those of any program', async () => {
      const [program, other] = [await NamesProgram.start(scene.current), await NamesProgram.start(scene.current)];
      await program.call('enable');
      await program.call('runScript', 'meanwhile');
      await program.call('disable');
      const cache = await program.call('cache');
      await other.call('runScript', 'meanwhile');
      assert.equal(cache.length, (await other.call('cache')).length);
      const third = await NamesProgram.start(scene.current);
      assert.deepEqual(await third.call('takes', 'meanwhile', cache), { rejected: false, result: 3 });
      assert.equal(await program.end(), 0);
    });

    it('have the same mark before, meanwhile, and afterwards, however often names come', async () => {
      const program = await NamesProgram.start(scene.current);
      const { flags } = await program.call('traces');
      for (let i = 0; i < 5; i++) {
        await program.call('enable');
        assert.equal((await program.call('traces')).flags, flags);
        await program.call('disable');
        assert.equal((await program.call('traces')).flags, flags);
      }
    });
  });
});

function pick({ on, flushed }: { on: boolean; flushed?: boolean }) {
  return { on, flushed };
}
