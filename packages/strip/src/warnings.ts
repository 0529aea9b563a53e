// Warnings of what stays.
import type { NodePath } from '@babel/traverse';

export interface Warning {
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1. */
  readonly column: number;
  readonly message: string;
}

export class Warnings {
  private readonly code: string;
  private readonly found = new Map<number, Warning>();

  constructor(code: string) {
    this.code = code;
  }

  get all(): Warning[] {
    return [...this.found].sort(([a], [b]) => a - b).map(([, warning]) => warning);
  }

  /**
   * An argument of a probe, or a value that an operation starts with, is evaluated all the same.
   */
  effect(path: NodePath, isOfOperation: boolean): void {
    const advice = isOfOperation ? 'start an operation with values that are there' : 'move it into fireWith(() => […])';
    this.add(path, `${this.quoted(path)} stays, since it may have an effect: ${advice}`);
  }

  /** A probe is used in a way that cannot be removed. */
  probe(path: NodePath): void {
    const advice = 'use the probe where it is fired, from a constant or a #private field';
    const reason = 'the plugin cannot follow what becomes of it here';
    this.add(
      path,
      `${this.quoted(path)} stays, disabled, with the definition of its provider, since ${reason}: ${advice}`,
    );
  }

  testing(path: NodePath, source: string): void {
    this.add(path, `${source} stays, and sonde with it: it is for tests; leave it out of what is bundled`);
  }

  private add({ node }: NodePath, message: string): void {
    const { line, column } = node.loc!.start;
    this.found.set(node.start!, { line, column: column + 1, message });
  }

  private quoted({ node }: NodePath): string {
    const text = this.code.slice(node.start!, node.end!).replace(/\s+/g, ' ');
    return `\`${text.length > 40 ? `${text.slice(0, 39)}…` : text}\``;
  }
}
