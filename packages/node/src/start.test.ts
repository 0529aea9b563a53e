import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

describe('start', () => {
  it('keeps nothing of tracers that came and left', () => {
    const program = `
      const { start } = await import(${JSON.stringify(new URL('index.js', import.meta.url).href)});
      const { record } = await import('sonde/testing');
      start();
      const turn = () => new Promise((resolve) => setTimeout(resolve, 1));
      const used = async () => {
        for (let i = 0; i < 4; i++) {
          await turn();
          gc();
        }
        return process.memoryUsage().heapUsed;
      };
      const comeAndLeave = async (times) => {
        for (let i = 0; i < times; i++) {
          const recorder = record();
          if (i % 20 === 0) await turn();
          recorder.stop();
        }
      };
      await comeAndLeave(500);
      const before = await used();
      await comeAndLeave(1000);
      console.log((await used()) - before, process.getActiveResourcesInfo().filter((name) => !/Pipe|TTY/.test(name)).join());
      process.exit();`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', program], {
      cwd: new URL('.', import.meta.url),
      timeout: 120_000,
      encoding: 'utf8',
    });
    const [bytes, active] = stdout.trimEnd().split(' ');
    assert.ok(Number(bytes) < 500_000, `${bytes} bytes\n${stderr}`);
    assert.equal(active, undefined);
  }).timeout(120_000);
});
