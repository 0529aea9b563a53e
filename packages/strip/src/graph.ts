// The modules of a program, as far as one that is being transformed leads to them.
import { readFile, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import type { NodePath } from '@babel/traverse';
import type { Program } from '@babel/types';
import type { Installed } from './installed.js';
import { Module } from './module.js';
import { parseSource, SOURCE_FILE } from './source.js';
import { isSonde } from './value.js';

/** Finds the file that an import means, as the bundler does; undefined for what it leaves out or cannot find. */
export type Resolve = (specifier: string, importer: string, kind: 'import' | 'require') => Promise<string | undefined>;

interface Parsed {
  readonly stamp: string;
  readonly code: string;
  readonly program: NodePath<Program>;
}

export class Graph {
  /** What was made of each file since files were last looked at. */
  private modules = new Map<string, Promise<Module | undefined>>();
  private readonly links = new WeakMap<Module, Promise<void>>();
  private readonly parsed = new Map<string, Parsed>();

  private readonly installed: Installed;
  private readonly strips: (file: string) => boolean;

  /** @param strips whether the definitions in a file are to be removed */
  constructor(installed: Installed, strips: (file: string) => boolean) {
    this.installed = installed;
    this.strips = strips;
  }

  /** Makes it look at the files again: they may have changed. Those that have not need not be parsed again. */
  forget(): void {
    this.modules = new Map();
    this.installed.forget();
  }

  /**
   * A module and all that it leads to.
   *
   * @throws {SyntaxError} with `loc`, when it cannot be parsed
   */
  async load(file: string, code: string, resolve: Resolve): Promise<Module> {
    const read = await this.modules.get(file);
    const module = read?.code === code ? read : this.module(file, { code, program: parseSource(code, file) });
    this.modules.set(file, Promise.resolve(module));
    const reached = new Set([module]);
    // Modules are added while it goes on.
    for (const each of reached) {
      await this.link(each, resolve);
      for (const target of each.imports.values()) reached.add(target);
    }
    return module;
  }

  /** Finds the modules that one imports. Each time with the bundler's help, so no more than once. */
  private link(module: Module, resolve: Resolve): Promise<void> {
    const known = this.links.get(module);
    if (known) return known;
    const linking = Promise.all(
      [...module.requests].map(async ([specifier, kind]) => {
        if (isSonde(specifier) || specifier.startsWith('node:')) return;
        // @rollup/plugin-commonjs puts a NUL before, and says behind what it makes of the file.
        const file = (await resolve(specifier, module.file, kind))?.replace(/^\0|[?#].*$/g, '');
        if (!file || !isAbsolute(file) || !SOURCE_FILE.test(file) || !this.installed.mayHaveProbes(file)) return;
        const target = await this.read(file);
        if (target) module.imports.set(specifier, target);
      }),
    ).then(() => {});
    this.links.set(module, linking);
    return linking;
  }

  private read(file: string): Promise<Module | undefined> {
    const known = this.modules.get(file);
    if (known) return known;
    const reading = this.parse(file).then(
      (parsed) => this.module(file, parsed),
      // It is the bundler's to say that a file is not there, or cannot be parsed.
      () => undefined,
    );
    this.modules.set(file, reading);
    return reading;
  }

  private async parse(file: string): Promise<Parsed> {
    const { mtimeMs, size, ino } = await stat(file);
    const stamp = `${mtimeMs} ${size} ${ino}`;
    const known = this.parsed.get(file);
    if (known?.stamp === stamp) return known;
    const code = await readFile(file, 'utf8');
    const parsed = { stamp, code, program: parseSource(code, file) };
    this.parsed.set(file, parsed);
    return parsed;
  }

  private module(file: string, { code, program }: Pick<Parsed, 'code' | 'program'>): Module {
    return new Module(file, code, program, this.strips(file) && !this.installed.isOfSonde(file));
  }
}
