// Work of many functions, some hot and some not, the same each time. For each line of stdin: `work`
// does it, and prints how many nanoseconds it took; `on` and `off` give JavaScript frames names in
// native stacks, and take them away.
import { stacks } from '@sonde/node';
import { readLine, writeLine } from './lines.js';

interface Order {
  id: number;
  name: string;
  lines: { price: number; count: number }[];
}

class Basket {
  private sum = 0;
  private readonly orders: Order[];

  constructor(orders: Order[]) {
    this.orders = orders;
  }

  get total(): number {
    return this.sum;
  }

  add(): this {
    for (const { lines } of this.orders) this.sum += lines.reduce((sum, { price, count }) => sum + price * count, 0);
    return this;
  }
}

/** As in a program of many files: most functions run seldom. */
const many = Array.from(
  { length: 300 },
  (_, id) =>
    new Function('n', `let s = ${id}; for (let i = 0; i < n; i++) { s = (s * 31 + i) | 0; } return s`) as (
      n: number,
    ) => number,
);

function* everyThird(count: number): Generator<number> {
  for (let i = 0; i < count; i += 3) yield i;
}

function order(id: number): Order {
  return { id, name: `order ${id}`, lines: Array.from({ length: 5 }, (_, i) => ({ price: id % 100, count: i })) };
}

function work(turns: number): number {
  let sum = 0;
  for (let turn = 0; turn < turns; turn++) {
    const orders = [...everyThird(300)].map(order);
    const copy: Order[] = JSON.parse(JSON.stringify(orders));
    copy.sort((a, b) => a.name.localeCompare(b.name, 'en') || b.id - a.id);
    sum += new Basket(copy).add().total;
    for (const [index, call] of many.entries()) sum += call(index % 30 === 0 ? 300 : 3);
  }
  return sum;
}

const TURNS = Number(process.argv[2]);
writeLine('ready');
for (let line = readLine(); line !== undefined; line = readLine()) {
  if (line === 'on') {
    const { on, reason } = stacks.enable();
    writeLine(on ? 'on' : `not on: ${reason}`);
  } else if (line === 'off') {
    stacks.disable();
    writeLine('off');
  } else {
    const began = process.hrtime.bigint();
    work(TURNS);
    writeLine(String(process.hrtime.bigint() - began));
  }
}
