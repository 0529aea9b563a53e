// In which order callbacks come, what contexts they see, and what errors tell of where they are.
import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { type Seen, stackOf } from './seen.js';

export async function run(): Promise<Seen> {
  const order: string[] = [];
  const context = new AsyncLocalStorage<string>();
  const note = (what: string) => () => order.push(`${what} ${context.getStore() ?? ''}`);
  await context.run('inside', async () => {
    await readFile(new URL(import.meta.url));
    note('after a file')();
    setTimeout(note('later timer'), 20);
    setTimeout(note('timer'), 1);
    setImmediate(note('immediate'));
    process.nextTick(note('tick'));
    queueMicrotask(note('microtask'));
    Promise.resolve().then(note('promise')).then(note('second promise'));
    await null;
    note('after await')();
    await sleep(50);
  });
  const thrown: unknown[] = [];
  for (const fail of [plain, nested, inEval, inClass, ofJson, inOtherRealm]) {
    try {
      fail();
    } catch (error) {
      thrown.push(stackOf(error));
    }
  }
  const rejected = await asynchronous().catch(stackOf);
  const sources = [plain, nested, asynchronous, InClass].map(String);
  const events = new EventEmitter();
  const caught = await new Promise((resolve) => {
    events.once('error', resolve);
    events.emit('error', new Error('emitted'));
  });
  return {
    results: {
      order,
      thrown,
      rejected,
      sources,
      caught: stackOf(caught),
    },
    listeners: [],
  };
}

function plain(): never {
  throw new Error('plain');
}

function nested(): void {
  [3, 1, 2].sort((a, b) => {
    if (a > b) throw new TypeError(`nested ${a} ${b}`, { cause: 'of it' });
    return a - b;
  });
}

function inEval(): void {
  new Function('throw new Error("evaluated")')();
}

class InClass {
  #value = 1;
  get value(): number {
    if (this.#value) throw new Error('of a getter');
    return this.#value;
  }
  static make(): number {
    return new InClass().value;
  }
}
const inClass = () => InClass.make();

function ofJson(): void {
  JSON.parse('{ "a": 1, ');
}

function inOtherRealm(): void {
  runInNewContext('null.x');
}

async function asynchronous(): Promise<void> {
  await sleep(1);
  await deeper();
}

async function deeper(): Promise<never> {
  await null;
  throw new Error('asynchronous');
}
