// The kernel's own uprobe events, which every suite and person on the machine shares: only what is
// named here is touched.
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import type { Scene } from './scene.js';

const TRACEFS = '/sys/kernel/tracing';

/** Adds an event, until the end of the test: `p:GROUP/EVENT PATH:OFFSET ARGUMENTS`. */
export function addEvent(scene: Scene, group: string, event: string, place: string): void {
  removeEventAfter(scene, group, event);
  // Appending adds; anything else would remove the events of others.
  appendFileSync(`${TRACEFS}/uprobe_events`, `p:${group}/${event} ${place}\n`);
}

/** Removes an event at the end of the test, if it is there then, whoever added it. */
export function removeEventAfter(scene: Pick<Scene, 'defer'>, group: string, event: string): void {
  scene.defer(() => {
    if (existsSync(`${TRACEFS}/events/${group}/${event}`)) {
      appendFileSync(`${TRACEFS}/uprobe_events`, `-:${group}/${event}\n`);
    }
  });
}

/** An instance of the tracer: it has a buffer of its own, and events are enabled in it alone. */
export class TraceInstance {
  protected readonly folder: string;

  constructor(scene: Pick<Scene, 'defer'>, name: string) {
    this.folder = `${TRACEFS}/instances/${name}`;
    mkdirSync(this.folder);
    scene.defer(() => rmdirSync(this.folder));
  }

  /** Returns when the kernel has done it. */
  enable(group: string, event: string, on: boolean): void {
    writeFileSync(`${this.folder}/events/${group}/${event}/enable`, on ? '1' : '0');
  }

  /** Forgets what was traced. */
  clear(): void {
    writeFileSync(`${this.folder}/trace`, '');
  }

  /** What was traced: each event with its arguments, oldest first. */
  read(): string[] {
    const lines = readFileSync(`${this.folder}/trace`, 'utf8').split('\n');
    return lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.replace(/^.*?\d: /, ''));
  }
}
