// What a part of the benchmark is, and what it returns.
import type { NodeVersion } from './nodes.js';
import type { Summary } from './statistics.js';

export interface Part {
  /** On the command line. */
  name: string;
  /** What it measures, in a few words. */
  title: string;
  run(options: Options): Promise<Result>;
}

export interface Options {
  quick: boolean;
  /** The versions of Node.js that are measured where their machine code is what counts. */
  nodes: readonly NodeVersion[];
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
  /** What of it is drawn for the documentation. */
  chart?: Chart;
}

export interface Chart {
  title: string;
  /** Of the table: 1 is the first after the names. */
  column: number;
  unit: string;
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
