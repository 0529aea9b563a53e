// The kernel's uprobes on all probes of an object, as the cheapest tracer there is: it counts what
// they fire.
import { appendFileSync, readFileSync } from 'node:fs';
import { readElf } from '@sonde/elf';
import type { Scene } from './scene.js';
import { removeEventAfter, TraceInstance } from './uprobe-events.js';

let tracers = 0;

export class RawTracer {
  /** One event for all: leaving takes the kernel some twenty milliseconds for each. */
  private readonly event: string;
  private readonly probes: readonly string[];
  private readonly instance: TraceInstance;

  private constructor(event: string, probes: readonly string[], instance: TraceInstance) {
    this.event = event;
    this.probes = probes;
    this.instance = instance;
  }

  /**
   * Puts uprobes on an object's probes, which are off until `turn(true)`. They go with the scene.
   *
   * @param object its path; what tracers know of a file is its inode, so it may be that of any
   * process
   * @param fetch what of each fire is recorded, in the syntax of uprobe_events: `n=%di:u64`
   */
  static place(scene: Pick<Scene, 'defer'>, object: string, provider: string, fetch = ''): RawTracer {
    // Of this process alone, and of this tracer: others may use the machine as well.
    const event = `raw_${process.pid}_${++tracers}`;
    const symbols = readElf(readFileSync(object)).symbols('dynsym');
    const own = symbols.filter(({ name }) => name.startsWith(`${provider}_`));
    const instance = new TraceInstance(scene, event);
    removeEventAfter(scene, GROUP, event);
    for (const { address } of own) {
      appendFileSync(EVENTS, `p:${GROUP}/${event} ${object}:0x${address.toString(16)} ${fetch}\n`);
    }
    const probes = own.map(({ name }) => name.slice(provider.length + 1));
    const tracer = new RawTracer(event, probes, instance);
    scene.defer(() => tracer.turn(false));
    return tracer;
  }

  /** Attaches, or leaves; returns when the kernel has done it. */
  turn(on: boolean): void {
    this.instance.enable(GROUP, this.event, on);
  }

  /** What was fired since last time it was cleared, each in a line, with what is recorded of it. */
  read(): string[] {
    return this.instance.read();
  }

  clear(): void {
    this.instance.clear();
  }

  /** How often each was hit since it was placed. */
  hits(): Record<string, number> {
    // A line for each uprobe, in the order in which they were added: a file, the event, how often.
    const rows = readFileSync(PROFILE, 'utf8')
      .split('\n')
      .map((line) => line.split(/\s+/));
    const own = rows.filter((row) => row.at(-2) === this.event);
    return Object.fromEntries(this.probes.map((probe, index) => [probe, Number(own[index]!.at(-1))]));
  }
}

const GROUP = 'sonde_raw';
const EVENTS = '/sys/kernel/tracing/uprobe_events';
const PROFILE = '/sys/kernel/tracing/uprobe_profile';
