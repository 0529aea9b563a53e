// A page that needs nothing beside itself. Its template, with d3-flame-graph in it, is made when the
// package is built (page/, scripts/bundle.mjs).
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Profile, treeOf } from '../stacks.js';
import { COLOURS } from './colours.js';

export function html(profile: Profile): string {
  const { title, unit, duration, stacks } = profile;
  const data = JSON.stringify({ title, unit, duration, colours: COLOURS, root: treeOf(stacks) });
  // Nothing in it ends the element or begins a comment.
  const safe = data.replace(/[<\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const [before, after] = template().split('"SONDE_DATA"') as [string, string];
  return before + safe + after;
}

function template(): string {
  const folder = dirname(createRequire(import.meta.url).resolve('@sonde/cli/package.json'));
  return readFileSync(join(folder, 'lib', 'flame.html'), 'utf8');
}
