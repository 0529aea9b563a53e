// A page that needs nothing beside itself. Its template, with d3-flame-graph in it, is made when the
// package is built (page/, scripts/bundle.mjs).
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { printable } from '../../output/escape.js';
import { type Profile, type TreeNode, treeOf } from '../stacks.js';
import { COLOURS } from './colours.js';

export function html(profile: Profile): string {
  const { title, unit, duration, stacks } = profile;
  const shown = { title: printable(title), unit, duration, colours: COLOURS, root: readable(treeOf(stacks)) };
  // Nothing in it ends the element or begins a comment.
  const safe = JSON.stringify(shown).replaceAll('<', '\\u003c');
  const [before, after] = template().split('"SONDE_DATA"') as [string, string];
  return before + safe + after;
}

function readable({ name, children, ...node }: TreeNode): TreeNode {
  return { ...node, name: printable(name), children: children.map(readable) };
}

function template(): string {
  const folder = dirname(createRequire(import.meta.url).resolve('@sonde/cli/package.json'));
  return readFileSync(join(folder, 'lib', 'flame.html'), 'utf8');
}
