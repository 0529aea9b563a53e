// Programs of every kind do the same while their functions are watched, and each call is told that
// probes in the source tell of.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { inspect } from 'node:util';
import { functionProbes } from '../probes.js';
import { byHand } from '../test-probes.js';
import { whatIsCalled } from './firing.js';
import { watchLive, wishes } from './live.js';
import { CASES } from './test-cases.js';
import { instrument, MARK } from './transform.js';

/** Whose entries are not told, or later. */
const OTHERWISE: Record<string, string> = {
  'a derived constructor that calls super in an arrow': 'is not watched: V8 would break it',
  'a derived constructor that forgets super': 'has no place that is passed',
  'static blocks': 'has its first place behind the class',
};

describe('programs whose functions are watched by name', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'sonde-live-'));
  const require = createRequire(import.meta.url);
  const { provider: node, trace, fired } = byHand('functions_in_cases', functionProbes);
  const entered: string[] = [];
  let files = 0;

  before(() => watchLive(node));

  after(() => {
    node.unload();
    rmSync(folder, { recursive: true });
  });

  for (const [title, body] of Object.entries(CASES)) {
    it(`mean the same, and are told of: ${title}`, async () => {
      const source = `exports.run = (async function run() { ${body}\n})`;
      const path = load(source);
      const { run } = require(path);
      const before = await outcome(run);
      const expected = await entriesOf(source);
      const stop = wishes.add([`${path}:*`], 1, false);
      for (const probe of ['functionWatch', 'functionEntry'] as const) trace(probe, true);
      while (!fired.some(({ probe }) => probe === 'functionWatch')) await setTimeout(1);
      fired.length = 0;
      const watched = await outcome(run);
      for (const probe of ['functionEntry', 'functionWatch'] as const) trace(probe, false);
      stop();
      assert.equal(watched, before);
      assert.equal(await outcome(run), before);
      const told = fired.map(({ values }) => String(values[1]));
      fired.length = 0;
      if (OTHERWISE[title] === undefined) assert.deepEqual(told, expected);
      else assert.notDeepEqual(told, expected);
    });
  }

  function load(text: string): string {
    const path = join(folder, `${++files}.cjs`);
    writeFileSync(path, text);
    return path;
  }

  async function outcome(run: () => Promise<unknown>): Promise<string> {
    try {
      return inspect(await run(), { depth: 6 });
    } catch (error) {
      return `threw ${(error as Error).message}`;
    }
  }

  /** As probes tell of them that are in the source. */
  async function entriesOf(source: string): Promise<string[]> {
    const { code, functions } = instrument(source, { returns: 'exact', firstId: 0, check: 'true' })!;
    const nothing = { enabled: true, fire() {} };
    const called = whatIsCalled({ functionEntry: nothing, functionReturn: nothing });
    const Call = called.call as new (which: unknown, how?: string, value?: unknown) => unknown;
    entered.length = 0;
    function call(which: unknown, how?: string, value?: unknown): unknown {
      if (typeof which === 'number') entered.push(functions[which]!.name);
      return new Call(which, how, value);
    }
    Object.defineProperty(globalThis, MARK, { value: { ...called, call }, configurable: true });
    try {
      await outcome(require(load(code)).run);
    } finally {
      Reflect.deleteProperty(globalThis, MARK);
    }
    return [...entered];
  }
});
