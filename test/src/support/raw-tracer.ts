// The kernel's uprobes on all probes of an object, as the cheapest tracer there is: it counts what they fire.
import { appendFileSync, readFileSync } from 'node:fs';
import { readElf } from '@sonde/elf';
import type { Scene } from './scene.js';
import { removeEventAfter, TraceInstance } from './uprobe-events.js';

let tracers = 0;

export class RawTracer {
  private readonly group: string;
  private readonly probes: readonly string[];
  private readonly instance: TraceInstance;

  private constructor(group: string, probes: readonly string[], instance: TraceInstance) {
    this.group = group;
    this.probes = probes;
    this.instance = instance;
  }

  /**
   * Puts uprobes on an object's probes, which are off until `turn(true)`. They go with the scene.
   *
   * @param object its path; what tracers know of a file is its inode, so it may be that of any process
   * @param fetch what of each fire is recorded, in the syntax of uprobe_events: `n=%di:u64`
   */
  static place(scene: Pick<Scene, 'defer'>, object: string, provider: string, fetch = ''): RawTracer {
    // Of this process alone, and of this tracer: others may use the machine as well.
    const group = `raw_${process.pid}_${++tracers}`;
    const symbols = readElf(readFileSync(object)).symbols('dynsym');
    const own = symbols.filter(({ name }) => name.startsWith(`${provider}_`));
    const tracer = new RawTracer(
      group,
      own.map(({ name }) => name.slice(provider.length + 1)),
      new TraceInstance(scene, group),
    );
    own.forEach(({ address }, index) => {
      const event = tracer.eventOf(tracer.probes[index]!);
      removeEventAfter(scene, group, event);
      appendFileSync(EVENTS, `p:${group}/${event} ${object}:0x${address.toString(16)} ${fetch}\n`);
    });
    scene.defer(() => tracer.turn(false));
    return tracer;
  }

  /** Attaches to all probes, or to one, or leaves; returns when the kernel has done it. */
  turn(on: boolean, probe?: string): void {
    for (const each of probe === undefined ? this.probes : [probe])
      this.instance.enable(this.group, this.eventOf(each), on);
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
    // Each line has a file, an event without its group, and a number.
    const lines = readFileSync(PROFILE, 'utf8').split('\n');
    const hits = new Map(lines.map((line) => line.split(/\s+/).slice(-2) as [string, string]));
    return Object.fromEntries(this.probes.map((probe) => [probe, Number(hits.get(this.eventOf(probe)))]));
  }

  private eventOf(probe: string): string {
    return `${this.group}_${probe}`;
  }
}

const EVENTS = '/sys/kernel/tracing/uprobe_events';
const PROFILE = '/sys/kernel/tracing/uprobe_profile';
