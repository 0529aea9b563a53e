// Packages that are needed now and then, loaded past the program's own loader: what a program sees
// in `require.cache`, and what it put into its loader, has nothing to do with them.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadOwnFile } from 'sonde/internal';

const { createRequire } = process.getBuiltinModule('node:module');

const files = new Map<string, { exports: unknown }>();

/** What a CommonJS package exports that this one depends on. */
export function ownPackage(name: 'acorn' | 'picomatch' | '@jridgewell/sourcemap-codec'): unknown {
  const folder = folderOf(name);
  const { main } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return load(resolve(folder, main));
}

function load(file: string): unknown {
  const there = files.get(file);
  if (there) return there.exports;
  const module = { exports: {} };
  files.set(file, module);
  const require = (request: string) => {
    if (!request.startsWith('.')) return process.getBuiltinModule(request);
    const path = resolve(dirname(file), request);
    return load(existsSync(`${path}.js`) ? `${path}.js` : path);
  };
  try {
    loadOwnFile(file, require, module);
  } catch (error) {
    files.delete(file);
    throw error;
  }
  return module.exports;
}

function folderOf(name: string): string {
  for (let above = dirname(fileURLToPath(import.meta.url)); above !== dirname(above); above = dirname(above)) {
    const folder = join(above, 'node_modules', name);
    if (existsSync(join(folder, 'package.json'))) return folder;
  }
  // Elsewhere only the program's loader may find it: Yarn's Plug'n'Play is one.
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
}
