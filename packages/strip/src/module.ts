// A module: its text, parsed, and the modules that its imports lead to.
import { isSonde } from './sonde.js';
import type { Program } from './source.js';

export class Module {
  /**
   * By what imports and re-exports name. Only files of JavaScript and TypeScript that may have to
   * do with probes are here.
   */
  readonly links = new Map<string, Module>();
  readonly file: string;
  readonly code: string;
  readonly program: Program;
  /** Whether the providers that are defined here are to be removed. */
  readonly strips: boolean;

  constructor(file: string, code: string, program: Program, strips: boolean) {
    this.file = file;
    this.code = code;
    this.program = program;
    this.strips = strips;
  }

  /** What its imports and re-exports name, without sonde and the modules of Node.js. */
  get requests(): string[] {
    const statements = this.program.get('body');
    const sources = statements.flatMap(({ node }) => ('source' in node && node.source ? [node.source.value] : []));
    return [...new Set(sources)].filter((source) => !isSonde(source) && !source.startsWith('node:'));
  }
}
