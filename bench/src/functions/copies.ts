// Copies of an application with its dependencies, in one folder: of one program, so that one
// process can run all of them, and V8 takes each for code of its own.

import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface Application {
  /** Modules, side by side in a package's folder of compiled ones. */
  files: readonly string[];
  /** Of that package's dependencies, what they need. */
  dependencies: readonly string[];
}

/**
 * Each copy is a folder of this name, with the modules in it. sonde's own packages are links to
 * what they are here: a program has one of each.
 *
 * @param folder what they are all put into, and the process's main module, which makes it the
 * application's folder
 */
export async function makeCopies(
  folder: string,
  names: readonly string[],
  { files, dependencies }: Application,
  main: string,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'copies', type: 'module' }));
  await cp(main, join(folder, basename(main)));
  for (const name of names) {
    const copy = join(folder, name);
    await mkdir(join(copy, 'node_modules'), { recursive: true });
    await writeFile(join(copy, 'package.json'), JSON.stringify({ name, type: 'module' }));
    for (const file of files) await cp(file, join(copy, basename(file)));
    const placed = new Map<string, string>();
    for (const dependency of dependencies) await place(dependency, dirname(files[0]!), copy, copy, placed);
  }
}

/** Puts a package at the top, or below who wants it where another version is there. */
async function place(
  name: string,
  from: string,
  top: string,
  wantedBy: string,
  placed: Map<string, string>,
): Promise<void> {
  const source = await packageFolder(name, from);
  const other = placed.get(name);
  if (other === source) return;
  const target = join(other === undefined ? top : wantedBy, 'node_modules', name);
  if (existsSync(target)) return;
  if (other === undefined) placed.set(name, source);
  await mkdir(dirname(target), { recursive: true });
  if (name === 'sonde' || name.startsWith('@sonde/')) return symlink(source, target);
  const inner = join(source, 'node_modules');
  await cp(source, target, { recursive: true, filter: (path) => path !== inner });
  const { dependencies = {} } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8'));
  for (const each of Object.keys(dependencies)) await place(each, source, top, target, placed);
}

async function packageFolder(name: string, from: string): Promise<string> {
  for (let above = await realpath(from); ; above = dirname(above)) {
    const folder = join(above, 'node_modules', name);
    if (existsSync(folder)) return realpath(folder);
    if (above === dirname(above)) throw new Error(`there is no package ${name} for ${from}`);
  }
}
