// Which functions somebody asked for by name, in any thread. Threads tell one another, but only
// while functions are traced, which they are in all threads or in none: to have asked costs nothing.
import type { BroadcastChannel } from 'node:worker_threads';
import { setTimeout } from '../runtime/tasks.js';
import { type Wanted, wanted } from './wanted.js';

export interface Wish {
  wanted: Wanted;
  /** Of one core, that the breakpoints of one such function may take. */
  share: number;
}

interface Asked {
  id: string;
  names: readonly string[];
  share: number;
  /** Whether it ends with the tracer. */
  isLease: boolean;
}

type Message = { asks: true; asked: Asked[] } | { asked: Asked[] } | { stopped: string };

const CHANNEL = 'sonde.node.functions.1';
/** A tracer that is to come for a lease comes in this time, or not at all. */
const LEASE_MS = 60_000;

export class Wishes {
  private readonly changed: () => void;
  private readonly own = new Map<string, Asked>();
  private readonly learnt = new Map<string, Asked>();
  private list: Wish[] = [];
  private channel: BroadcastChannel | undefined;
  private count = 0;

  constructor(changed: () => void) {
    this.changed = changed;
  }

  all(): readonly Wish[] {
    return this.list;
  }

  has(name: string): boolean {
    return this.list.some((wish) => wish.wanted.name === name);
  }

  /**
   * @returns what takes it back
   * @throws TypeError when one is no name
   */
  add(names: readonly string[], share: number, isLease: boolean): () => void {
    for (const name of names) wanted(name);
    const { threadId } = process.getBuiltinModule('node:worker_threads');
    const asked = { id: `${threadId}.${++this.count}`, names: [...names], share, isLease };
    this.own.set(asked.id, asked);
    this.channel?.postMessage({ asked: [asked] } satisfies Message);
    this.update();
    const stop = () => {
      if (!this.own.delete(asked.id)) return;
      this.channel?.postMessage({ stopped: asked.id } satisfies Message);
      this.update();
    };
    if (isLease) {
      setTimeout(() => {
        if (!this.channel) stop();
      }, LEASE_MS).unref();
    }
    return stop;
  }

  /** A tracer has come. */
  open(): void {
    const { BroadcastChannel } = process.getBuiltinModule('node:worker_threads');
    const channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = (event: unknown) => this.told((event as { data: Message }).data);
    channel.unref();
    this.channel = channel;
    channel.postMessage({ asks: true, asked: [...this.own.values()] } satisfies Message);
  }

  /** It has gone. */
  close(): void {
    this.channel?.close();
    this.channel = undefined;
    this.learnt.clear();
    for (const [id, { isLease }] of this.own) if (isLease) this.own.delete(id);
    this.update();
  }

  private told(message: Message): void {
    if (!this.channel) return;
    if ('stopped' in message) {
      if (!this.learnt.delete(message.stopped)) return;
    } else {
      for (const asked of message.asked) if (!this.own.has(asked.id)) this.learnt.set(asked.id, asked);
      if ('asks' in message && this.own.size > 0) {
        this.channel.postMessage({ asked: [...this.own.values()] } satisfies Message);
      }
      if (message.asked.length === 0) return;
    }
    this.update();
  }

  private update(): void {
    const shares = new Map<string, number>();
    for (const { names, share } of [...this.own.values(), ...this.learnt.values()]) {
      for (const name of names) shares.set(name, Math.max(share, shares.get(name) ?? 0));
    }
    const list = [...shares].map(([name, share]) => ({ wanted: wanted(name), share }));
    const told = (wishes: readonly Wish[]) =>
      JSON.stringify(wishes.map(({ wanted: { name }, share }) => [name, share]));
    if (told(list) === told(this.list)) return;
    this.list = list;
    this.changed();
  }
}
