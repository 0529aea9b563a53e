// Finds the modules that a module imports, and those that they import, with the bundler's help.
import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import type { Installed } from './installed.js';
import { Module } from './module.js';
import { type Program, parseSource, SOURCE_FILE } from './source.js';

/**
 * Finds the file that an import means, as the bundler does. Returns undefined for what it leaves
 * out or cannot find.
 */
export type Resolve = (specifier: string, importer: string) => Promise<string | undefined>;

export class Graph {
  private modules = new Map<string, Promise<Module | undefined>>();
  private linking = new WeakMap<Module, Promise<unknown>>();
  /** What was parsed last of each file. */
  private readonly parsed = new Map<string, { readonly code: string; readonly program: Program }>();

  private readonly installed: Installed;
  private readonly strips: (file: string) => boolean;

  /** @param strips whether the providers that are defined in a file are to be removed */
  constructor(installed: Installed, strips: (file: string) => boolean) {
    this.installed = installed;
    this.strips = strips;
  }

  /** Reads files again, which may have changed. */
  forget(): void {
    this.modules = new Map();
    this.installed.forget();
  }

  /**
   * A module, linked with all that it leads to.
   *
   * @throws {SyntaxError} with `loc`, when it cannot be parsed
   */
  async load(file: string, code: string, resolve: Resolve): Promise<Module> {
    const read = await this.modules.get(file);
    const module = read?.code === code ? read : this.module(file, code);
    this.modules.set(file, Promise.resolve(module));
    const reached = new Set([module]);
    // The set grows while it is gone through.
    for (const each of reached) {
      await this.link(each, resolve);
      for (const target of each.links.values()) reached.add(target);
    }
    return module;
  }

  private link(module: Module, resolve: Resolve): Promise<unknown> {
    let linking = this.linking.get(module);
    if (!linking) {
      linking = Promise.all(module.requests.map((request) => this.follow(module, request, resolve)));
      this.linking.set(module, linking);
    }
    return linking;
  }

  private async follow(module: Module, request: string, resolve: Resolve): Promise<void> {
    // @rollup/plugin-commonjs puts a NUL before the path, and a query behind it.
    const file = (await resolve(request, module.file))?.replace(/^\0|[?#].*$/g, '');
    if (!file || !isAbsolute(file) || !SOURCE_FILE.test(file) || !this.installed.mayHaveProbes(file)) return;
    let reading = this.modules.get(file);
    if (!reading) {
      // The bundler reports files that are not there or cannot be parsed.
      reading = readFile(file, 'utf8')
        .then((code) => this.module(file, code))
        .catch(() => undefined);
      this.modules.set(file, reading);
    }
    const target = await reading;
    if (target) module.links.set(request, target);
  }

  private module(file: string, code: string): Module {
    let parsed = this.parsed.get(file);
    if (parsed?.code !== code) parsed = { code, program: parseSource(code, file) };
    this.parsed.set(file, parsed);
    return new Module(file, code, parsed.program, this.strips(file) && !this.installed.isOfSonde(file));
  }
}
