// Takes the probes out of one module.
import type MagicString from 'magic-string';
import { Edits } from './edits.js';
import { Known } from './known.js';
import { Leftovers } from './leftovers.js';
import { Meanings } from './meaning.js';
import type { Module } from './module.js';
import { Statements } from './statements.js';
import { type Warning, Warnings } from './warnings.js';

export interface Rewritten {
  readonly text: MagicString;
  readonly warnings: readonly Warning[];
  /** The files whose exports decided what is left. */
  readonly files: readonly string[];
}

export function rewrite(module: Module): Rewritten {
  const edits = new Edits(module.code);
  const warnings = new Warnings(module.code);
  const meanings = new Meanings();
  const leftovers = new Leftovers(edits);
  const imports = Object.values(module.program.scope.bindings).filter(({ kind }) => kind === 'module');
  const meant = imports.map((binding) => meanings.ofVariable(binding, module));
  if (module.code.includes('sonde') || meant.some((meaning) => meaning !== undefined)) {
    new Statements({ module, known: new Known(module, meanings), edits, leftovers, warnings }).rewrite(module.program);
    leftovers.settle();
  }
  return { text: edits.text, warnings: warnings.all, files: [...meanings.seen].map(({ file }) => file) };
}
