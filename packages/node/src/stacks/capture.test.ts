import assert from 'node:assert/strict';
import { provider, stack } from 'sonde';
import { captureStacksWith } from 'sonde/internal';
import { record } from 'sonde/testing';
import { getAddon } from '../addon.js';
import { captureStack } from './capture.js';

describe('native stacks', () => {
  const own = provider('native_stacks', { none: [stack('w', { depth: 1, limit: 4000 })] });
  const lines = () => recorder.fired.map(({ values }) => (values.w as string).replace(/ \(.*/, ''));
  const { sourceMapsEnabled = false } = process as { sourceMapsEnabled?: boolean };
  let recorder: ReturnType<typeof record>;

  before(function () {
    try {
      getAddon();
    } catch (error) {
      if (process.env.CI) throw error;
      console.warn(`\n  NOT TESTED: native stacks, since ${(error as Error).message}\n`);
      this.skip();
    }
    // With it, V8's own stacks are the ones that are wanted.
    process.setSourceMapsEnabled(false);
    captureStacksWith(captureStack);
    recorder = record();
  });

  beforeEach(() => recorder.clear());

  after(() => {
    recorder?.stop();
    own.unload();
    process.setSourceMapsEnabled(sourceMapsEnabled);
    Reflect.deleteProperty(globalThis, Symbol.for('sonde.stack.1'));
  });

  it('begin with what called the probe, whichever way it is fired', () => {
    function calls() {
      own.none.fire();
    }
    function prepares() {
      own.none.fireWith(() => []);
    }
    calls();
    prepares();
    assert.deepEqual(lines(), ['calls', 'prepares']);
  });

  it('name each function by its own name, where one place makes many', () => {
    const made = ['first', 'second', 'third'].map((name) => ({ [name]: () => own.none.fire() })[name]!);
    for (const each of [...made, ...made]) each();
    assert.deepEqual(
      lines().map((line) => line.replace('Object.', '')),
      ['first', 'second', 'third', 'first', 'second', 'third'],
    );
  });

  it('are one line a frame, whatever a function is called, and no longer than can be read', () => {
    const called = (name: string) => {
      ({ [name]: () => own.none.fire() })[name]!();
      return recorder.fired.at(-1)!.values.w as string;
    };
    assert.match(
      called('two\nlines \x1b[31m \x9b \u2028'),
      /^(Object\.)?two\\x0alines \\x1b\[31m \\x9b \\u2028 \([^\n]*\)$/,
    );
    const long = called('x'.repeat(100_000));
    assert.match(long, /^(Object\.)?x{900,1024} \(/);
  });
});
