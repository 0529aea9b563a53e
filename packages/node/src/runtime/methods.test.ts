import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { promisify } from 'node:util';
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
      (_self, [name]) => {
        calls.push(name);
        return undefined;
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

  it('changes what the method is called with, and what it returns', () => {
    const { object } = setUp();
    const { on, off } = around(
      () => object,
      'greet',
      (_self, args) => {
        args[0] = 'you';
        return (result) => `${result}!`;
      },
    );
    on();
    assert.equal(object.greet('me'), 'hello you!');
    off();
    assert.equal(object.greet('me'), 'hello me');
  });

  it('is told of what the method throws, which comes from where it is thrown', () => {
    const failure = new Error('no');
    const ends: unknown[] = [];
    const object = {
      fail() {
        throw failure;
      },
    };
    const { on, off } = around(
      () => object,
      'fail',
      () => (result, threw) => ends.push(result, threw),
    );
    on();
    assert.throws(
      () => object.fail(),
      (error) => error === failure,
    );
    off();
    assert.deepEqual(ends, [undefined, true]);
  });

  it('goes on when what is around it throws', () => {
    const { object } = setUp();
    const fail = () => {
      throw new Error('no');
    };
    for (const failing of [fail, () => fail]) {
      const { on, off } = around(() => object, 'greet', failing);
      on();
      assert.equal(object.greet('a'), 'hello a');
      off();
    }
  });

  it('is one frame in the stacks of what the method calls', () => {
    const object = { stack: () => new Error('here').stack!.split('\n').length };
    const before = object.stack();
    for (let times = 0; times < 3; times++) {
      around(
        () => object,
        'stack',
        () => undefined,
      ).on();
    }
    Error.stackTraceLimit++;
    try {
      assert.equal(object.stack(), before + 1);
    } finally {
      Error.stackTraceLimit--;
    }
  });

  it('hands on what the program reads of the method, and what it writes to it', () => {
    class Greeter {
      readonly name: string;
      constructor(name: string) {
        this.name = name;
      }
    }
    const object = { Greeter } as { Greeter: typeof Greeter & { mark?: string; [promisify.custom]?: unknown } };
    Object.assign(object.Greeter, { [promisify.custom]: 1 });
    const descriptor = Object.getOwnPropertyDescriptor(object, 'Greeter')!;
    const { on, off } = around(
      () => object,
      'Greeter',
      () => undefined,
    );
    on();
    const { Greeter: Replaced } = object;
    assert.notEqual(Replaced, Greeter);
    const { value: _, ...same } = Object.getOwnPropertyDescriptor(object, 'Greeter')!;
    const { value: __, ...flags } = descriptor;
    assert.deepEqual(same, flags);
    assert.deepEqual([Replaced.name, Replaced.length, Replaced[promisify.custom]], ['Greeter', 1, 1]);
    assert.deepEqual(Reflect.ownKeys(Replaced), Reflect.ownKeys(Greeter));
    assert.equal(Replaced.prototype, Greeter.prototype);
    const made = new Replaced('a');
    assert.ok(made instanceof Greeter && made instanceof Replaced && made.name === 'a');
    Replaced.mark = 'the program’s';
    off();
    assert.equal(object.Greeter, Greeter);
    assert.equal(object.Greeter.mark, 'the program’s');
  });

  it('calls what an object inherits now, and leaves no property of its own', () => {
    class Source extends EventEmitter {}
    const source = new Source();
    const { on, off } = around(
      () => Source.prototype,
      'emit',
      (_self, [event]) => {
        calls.push(event);
        return undefined;
      },
    );
    calls.length = 0;
    on();
    const { emit } = EventEmitter.prototype;
    EventEmitter.prototype.emit = function (event, ...args) {
      calls.push('patched');
      return emit.call(this, event, ...args);
    };
    try {
      source.emit('a');
    } finally {
      EventEmitter.prototype.emit = emit;
    }
    assert.deepEqual(calls, ['a', 'patched']);
    off();
    assert.ok(!Object.hasOwn(Source.prototype, 'emit'));
  });

  it('leaves alone what cannot be replaced: what is frozen, is no method, or is behind a getter', () => {
    const frozen = Object.freeze({ greet: () => 'hello' });
    const getter = {
      get greet() {
        return () => 'hello';
      },
    };
    for (const object of [frozen, getter, { greet: 1 }, {}, Object.preventExtensions(Object.create({ greet() {} }))]) {
      const before = Object.getOwnPropertyDescriptors(object);
      const { on, off } = around(
        () => object,
        'greet',
        () => undefined,
      );
      on();
      assert.deepEqual(Object.getOwnPropertyDescriptors(object), before);
      off();
    }
  });

  it('is taken from where it was put, and stays where the program froze it meanwhile', () => {
    const { object, greet } = setUp();
    let target: object = object;
    const { on, off } = around(
      () => target,
      'greet',
      () => undefined,
    );
    on();
    target = {};
    off();
    assert.equal(object.greet, greet);
    target = object;
    on();
    Object.freeze(object);
    off();
    assert.equal(object.greet('a'), 'hello a');
  });
});
