// What a part of the benchmark is, and what it returns.
import type { Summary } from './statistics.js';

export interface Part {
  /** On the command line. */
  name: string;
  /** What it measures, in a few words. */
  title: string;
  run(options: { quick: boolean }): Promise<Result>;
}

export interface Result {
  /** Why the part, or a piece of it, was not measured. */
  leftOut?: string[];
  /** How the figures came about, as far as a reader must know. */
  notes: string[];
  tables: Table[];
  goals: Goal[];
}

export interface Table {
  head: string[];
  rows: Row[];
}

/** A name, then numbers with their spread, or text. */
export type Row = [what: string, ...cells: (Figure | string)[]];

export interface Figure {
  summary: Summary;
  /** After the point. */
  digits: number;
}

/** A figure beside what was wished for. */
export interface Goal {
  what: string;
  measured: number;
  most: number;
  unit: string;
  digits: number;
}
