import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Runs a CommonJS file of sonde's own past the program's loader: what the program sees in
 * `require.cache`, and what it put into its loader, has nothing to do with it.
 *
 * @param require gives the file what it asks for
 * @param module given where the file is to be found while it runs
 * @returns what it exports
 */
export function loadOwnFile(
  file: string,
  require: (request: string) => unknown,
  module: { exports: unknown } = { exports: {} },
): unknown {
  const { compileFunction } = process.getBuiltinModule('node:vm');
  const names = ['exports', 'require', 'module', '__filename', '__dirname'];
  const run = compileFunction(readFileSync(file, 'utf8'), names, { filename: file });
  run(module.exports, require, module, file, dirname(file));
  return module.exports;
}
