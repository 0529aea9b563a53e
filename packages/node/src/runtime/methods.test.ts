import assert from 'node:assert/strict';
import { around } from './methods.js';

describe('around', () => {
  const calls: string[] = [];
  const setUp = () => {
    calls.length = 0;
    const object = { greet: (name: string) => `hello ${name}` };
    const { greet } = object;
    const { on, off } = around(
      () => object,
      'greet',
      (call, _self, [name]) => {
        calls.push(name);
        return call();
      },
    );
    return { object, greet, on, off };
  };

  it('is around a method while it is on, and puts it back', () => {
    const { object, greet, on, off } = setUp();
    on();
    assert.equal(object.greet('a'), 'hello a');
    off();
    assert.equal(object.greet, greet);
    object.greet('b');
    assert.deepEqual(calls, ['a']);
  });

  it('stays below what the program wrapped around it, and is called once when it is on again', () => {
    const { object, on, off } = setUp();
    on();
    const below = object.greet;
    const wrapper = (name: string) => below(`${name}!`);
    object.greet = wrapper;
    off();
    assert.equal(object.greet('a'), 'hello a!');
    on();
    assert.equal(object.greet('b'), 'hello b!');
    assert.equal(calls.length, 1);
    off();
    assert.equal(object.greet, wrapper);
  });

  it('is there again after the program put another method in its place', () => {
    const { object, on, off } = setUp();
    on();
    const other = (name: string) => `bye ${name}`;
    object.greet = other;
    off();
    on();
    assert.equal(object.greet('a'), 'bye a');
    assert.deepEqual(calls, ['a']);
    off();
    assert.equal(object.greet, other);
  });
});
